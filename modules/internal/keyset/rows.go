package keyset

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/convosphere/gateway/modules/internal/database"
)

// State says what a set may be used for.
type State string

// The states of a set.
const (
	Active    State = "active"
	Disabled  State = "disabled"  // neither encrypts nor decrypts; Enable takes it back
	Destroyed State = "destroyed" // its keys are gone
)

// row is a set as the database has it.
type row struct {
	id, name string
	state    State
	wrapped  []byte
	master   string
	versions int64
	revision int64
	named    bool // it is what its name stands for: not one that was destroyed and has a successor
}

const columns = `SELECT id, name, state, wrapped, master, versions, revision FROM data_keys `

func scan(from *sql.Row) (r row, err error) {
	err = from.Scan(&r.id, &r.name, &r.state, &r.wrapped, &r.master, &r.versions, &r.revision)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrUnknown
	}
	if err != nil {
		return r, fmt.Errorf("reading a key set: %w", err)
	}
	return r, nil
}

func (s *Sets) row(ctx context.Context, id string) (row, error) {
	r, err := scan(s.db.QueryRowOften(ctx, columns+`WHERE id = ?`, id))
	r.named = r.state != Destroyed
	return r, err
}

// rowByName is the set that a name stands for: that in use, else one that was destroyed.
func (s *Sets) rowByName(ctx context.Context, name string) (row, error) {
	r, err := scan(s.db.QueryRowOften(ctx, columns+`WHERE name = ? ORDER BY CASE state WHEN 'destroyed' THEN 1 ELSE 0 END, id LIMIT 1`, name))
	r.named = true
	return r, err
}

func (s *Sets) revision(ctx context.Context, id string) (n int64, err error) {
	err = s.db.QueryRowOften(ctx, `SELECT revision FROM data_keys WHERE id = ?`, id).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrUnknown
	}
	return n, err
}

func (s *Sets) rowOrNew(ctx context.Context, name string) (row, error) {
	r, err := s.rowByName(ctx, name)
	if !errors.Is(err, ErrUnknown) {
		return r, err
	}
	if err := s.roomFor(ctx); err != nil {
		return r, err
	}
	err = s.insert(ctx, name, false)
	if err != nil && !database.IsDuplicate(err) && !errors.Is(err, errTaken) {
		return r, err
	}
	return s.rowByName(ctx, name) // ours, or that of another gateway which was quicker
}

var errTaken = errors.New("there is a key set of that name")

// insert makes a set. Asked for by traffic, it makes none where there ever was one of the name; by an operator, also where all were destroyed.
func (s *Sets) insert(ctx context.Context, name string, byOperator bool) error {
	h, index, err := generate()
	if err != nil {
		return err
	}
	id := strings.ToLower(rand.Text()[:16])
	wrapped, err := s.wrap(ctx, id, name, index, h)
	if err != nil {
		return err
	}
	now := database.Micros(s.now())
	err = s.db.InTx(ctx, func(tx *database.Tx) error {
		var others int64
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM data_keys WHERE name = ?`, name).Scan(&others); err != nil {
			return fmt.Errorf("looking for the key set: %w", err)
		}
		if others > 0 && !byOperator {
			return errTaken
		}
		if _, err := tx.Exec(ctx, `INSERT INTO data_keys (id, name, state, wrapped, master, versions, revision, created_at, rotated_at, wrapped_at)
			VALUES (?, ?, ?, ?, ?, 1, 1, ?, 0, ?)`, id, name, Active, wrapped, s.master.ID(), now, now); err != nil {
			return fmt.Errorf("making a key set: %w", err)
		}
		if others == 0 {
			return nil // nobody remembers that there is none
		}
		return s.tell(ctx, tx, name)
	})
	if err != nil {
		return err
	}
	s.counts.Made.Add(1)
	s.total.add(1)
	return nil
}

// tell writes into the change feed that all sets of a name have changed.
func (s *Sets) tell(ctx context.Context, tx *database.Tx, name string) error {
	rows, err := tx.Query(ctx, `SELECT id FROM data_keys WHERE name = ?`, name)
	if err != nil {
		return fmt.Errorf("listing key sets: %w", err)
	}
	defer rows.Close()
	var changes []database.Change
	for rows.Next() {
		c := database.Change{Topic: Topic}
		if err := rows.Scan(&c.Key); err != nil {
			return fmt.Errorf("listing key sets: %w", err)
		}
		changes = append(changes, c)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("listing key sets: %w", err)
	}
	return tx.Append(ctx, s.now(), changes...)
}

func (s *Sets) wrap(ctx context.Context, id, name string, index uint32, h *keyset.Handle) ([]byte, error) {
	plain, err := packed(id, name, index, h)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	wrapped, err := s.master.Wrap(ctx, plain)
	if err != nil {
		return nil, fmt.Errorf("wrapping a key set: %w", err)
	}
	return wrapped, nil
}

func (s *Sets) unwrap(ctx context.Context, r row) (h *keyset.Handle, index uint32, err error) {
	m := s.masters[r.master]
	if m == nil {
		return nil, 0, fmt.Errorf("it is wrapped by the master key %s, which this gateway does not know", r.master)
	}
	plain, err := m.Unwrap(ctx, r.wrapped)
	if err != nil {
		return nil, 0, fmt.Errorf("unwrapping the key set %s: %w", r.id, err)
	}
	defer clear(plain)
	return unpack(plain, r.id, r.name)
}

// ErrFull is what Use returns where no more sets may be made.
var ErrFull = errors.New("there are as many key sets as there may be")

// total is about how many sets there are.
type total struct {
	mu      sync.Mutex
	n       int
	counted time.Time
}

func (t *total) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += n
}

// roomFor bounds what traffic makes. Other gateways' are counted each minute.
func (s *Sets) roomFor(ctx context.Context) error {
	s.total.mu.Lock()
	defer s.total.mu.Unlock()
	if now := s.now(); s.total.counted.IsZero() || now.Sub(s.total.counted) > time.Minute {
		if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM data_keys`).Scan(&s.total.n); err != nil {
			return fmt.Errorf("counting key sets: %w", err)
		}
		s.total.counted = now
	}
	if s.total.n >= s.most {
		return ErrFull
	}
	return nil
}
