package keyset

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/master"
)

const (
	rewrapBatch = 100
	rewrapAside = 8 // calls of a master key's service at one time
)

// rewrapAll has the master key in force, by its newest version, wrap all sets. It works from where the job stands, notes each batch, and ends early where
// another process has taken the job over.
func (s *Sets) rewrapAll(ctx context.Context, j jobRow) error {
	for {
		batch, err := s.after(ctx, j.after)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return s.finish(ctx, j)
		}
		failed, err := s.rewrapEach(ctx, batch)
		if err != nil {
			return err
		}
		j.after = batch[len(batch)-1].id
		j.done += int64(len(batch)) - failed
		j.failed += failed
		if err := s.note(ctx, j); err != nil {
			return err
		}
	}
}

func (s *Sets) after(ctx context.Context, id string) ([]row, error) {
	rows, err := s.db.Query(ctx, columns+`WHERE id > CAST(? AS TEXT) AND state <> 'destroyed' ORDER BY id LIMIT `+fmt.Sprint(rewrapBatch), id)
	if err != nil {
		return nil, fmt.Errorf("reading key sets: %w", err)
	}
	defer rows.Close()
	var batch []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.name, &r.state, &r.wrapped, &r.master, &r.versions, &r.revision); err != nil {
			return nil, fmt.Errorf("reading key sets: %w", err)
		}
		batch = append(batch, r)
	}
	return batch, rows.Err()
}

// rewrapEach wraps a batch. Those that can't be unwrapped are counted; an error is of the master key's service or the database.
func (s *Sets) rewrapEach(ctx context.Context, batch []row) (failed int64, err error) {
	wrapped, errs := make([][]byte, len(batch)), make([]error, len(batch))
	var wg sync.WaitGroup
	for part := range rewrapAside {
		wg.Go(func() {
			for i := part; i < len(batch); i += rewrapAside {
				wrapped[i], errs[i] = s.rewrapped(ctx, batch[i])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		switch {
		case errors.Is(err, master.ErrWrong), errors.Is(err, errPacked):
			failed++
		case err != nil:
			return 0, err
		}
	}
	now := database.Micros(s.now())
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		for i, r := range batch {
			if errs[i] != nil {
				continue
			}
			// One that was rotated meanwhile was wrapped anew by that.
			if _, err := tx.Exec(ctx, `UPDATE data_keys SET wrapped = ?, master = ?, wrapped_at = ? WHERE id = ? AND revision = ?`,
				wrapped[i], s.master.ID(), now, r.id, r.revision); err != nil {
				return fmt.Errorf("storing a key set: %w", err)
			}
		}
		return nil
	})
	return failed, err
}

func (s *Sets) rewrapped(ctx context.Context, r row) ([]byte, error) {
	if r.master == s.master.ID() {
		return s.master.Rewrap(ctx, r.wrapped)
	}
	h, index, err := s.unwrap(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.wrap(ctx, r.id, r.name, index, h)
}

// renewCanaries has the canary follow the master key, whose old versions its service may refuse one day, and forgets master keys that wrap nothing more.
func (s *Sets) renewCanaries(ctx context.Context) error {
	wrapped, err := s.master.Wrap(ctx, []byte(canary))
	if err != nil {
		return fmt.Errorf("data keys: renewing what tells the master key: %w", err)
	}
	return s.db.InTx(ctx, func(tx *database.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE data_key_masters SET canary = ? WHERE id = ?`, wrapped, s.master.ID()); err != nil {
			return fmt.Errorf("data keys: renewing what tells the master key: %w", err)
		}
		_, err := tx.Exec(ctx, `DELETE FROM data_key_masters WHERE id <> ? AND NOT EXISTS
			(SELECT 1 FROM data_keys WHERE data_keys.master = data_key_masters.id AND state <> 'destroyed')`, s.master.ID())
		if err != nil {
			return fmt.Errorf("data keys: forgetting master keys: %w", err)
		}
		return nil
	})
}
