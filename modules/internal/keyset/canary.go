package keyset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/master"
)

// canary is what each master key has wrapped beside key sets.
const canary = "gateway master key canary"

// checkMasters sees that each master key that wraps key sets of the database is there and opens what it has wrapped, and notes the one that wraps from
// now on. All else would be told at the first request, and one by one.
func (s *Sets) checkMasters(ctx context.Context) error {
	known, err := s.canaries(ctx)
	if err != nil {
		return err
	}
	if err := s.checkUsed(ctx); err != nil {
		return err
	}
	for id, wrapped := range known {
		err := s.checkMaster(ctx, id, wrapped)
		if err == nil {
			continue
		}
		used, lookErr := s.wraps(ctx, id)
		if lookErr != nil {
			return lookErr
		}
		if used || errors.Is(err, master.ErrUnavailable) {
			return fmt.Errorf("data keys: %w", err)
		}
		if _, err := s.db.Exec(ctx, `DELETE FROM data_key_masters WHERE id = ?`, id); err != nil { // nothing is lost with it
			return fmt.Errorf("data keys: forgetting a master key: %w", err)
		}
		delete(known, id)
	}
	if known[s.master.ID()] != nil {
		return nil
	}
	wrapped, err := s.master.Wrap(ctx, []byte(canary))
	if err != nil {
		return fmt.Errorf("data keys: trying the master key %s: %w", s.master.ID(), err)
	}
	_, err = s.db.Exec(ctx, `INSERT INTO data_key_masters (id, canary, created_at) VALUES (?, ?, ?)`, s.master.ID(), wrapped, database.Micros(s.now()))
	if database.IsDuplicate(err) { // another gateway starts too: it may have another key of the same name
		return s.checkMasters(ctx)
	}
	if err != nil {
		return fmt.Errorf("data keys: noting the master key: %w", err)
	}
	return nil
}

func (s *Sets) canaries(ctx context.Context) (map[string][]byte, error) {
	rows, err := s.db.Query(ctx, `SELECT id, canary FROM data_key_masters`)
	if err != nil {
		return nil, fmt.Errorf("data keys: reading which master keys there are: %w", err)
	}
	defer rows.Close()
	known := map[string][]byte{}
	for rows.Next() {
		var id string
		var wrapped []byte
		if err := rows.Scan(&id, &wrapped); err != nil {
			return nil, fmt.Errorf("data keys: reading which master keys there are: %w", err)
		}
		known[id] = wrapped
	}
	return known, rows.Err()
}

// checkUsed sees that every master key is named that wraps a set.
func (s *Sets) checkUsed(ctx context.Context) error {
	for last := ""; ; {
		var id sql.NullString // one after the other, which the index knows: there may be a million sets
		if err := s.db.QueryRow(ctx, `SELECT MIN(master) FROM data_keys WHERE state <> 'destroyed' AND master > CAST(? AS TEXT)`, last).Scan(&id); err != nil {
			return fmt.Errorf("data keys: reading which master keys are in use: %w", err)
		}
		if !id.Valid {
			return nil
		}
		if last = id.String; s.masters[last] == nil {
			return fmt.Errorf("data keys: %w", s.unknown(last))
		}
	}
}

func (s *Sets) unknown(id string) error {
	return fmt.Errorf("the wrong master key: the database holds key sets that %s has wrapped, and the configuration names only %s; name the former too, with accept", id, s.master.ID())
}

func (s *Sets) checkMaster(ctx context.Context, id string, wrapped []byte) error {
	m := s.masters[id]
	if m == nil {
		return s.unknown(id)
	}
	plain, err := m.Unwrap(ctx, wrapped)
	switch {
	case errors.Is(err, master.ErrUnavailable):
		return fmt.Errorf("trying the master key %s: %w", id, err)
	case err != nil || string(plain) != canary:
		return fmt.Errorf("the wrong master key: %s is not the key of that name which has wrapped the key sets of the database", id)
	}
	return nil
}

// wraps tells whether a set is lost without that master key.
func (s *Sets) wraps(ctx context.Context, id string) (bool, error) {
	var one int
	err := s.db.QueryRow(ctx, `SELECT 1 FROM data_keys WHERE master = ? AND state <> 'destroyed' LIMIT 1`, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("data keys: looking for what the master key %s wraps: %w", id, err)
	}
	return true, nil
}
