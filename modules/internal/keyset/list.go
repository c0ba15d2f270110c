package keyset

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// MostPage is how many sets List returns at most.
const MostPage = 1000

// Info is what an operator sees of a set.
type Info struct {
	ID, Name string
	State    State
	Master   string // the id of the master key that wraps it
	Versions int64
	Created  time.Time
	Rotated  time.Time // zero: never
	Wrapped  time.Time

	wrapped []byte
}

const infoColumns = `SELECT id, name, state, master, versions, created_at, rotated_at, wrapped_at, wrapped FROM data_keys `

func scanInfo(scan func(...any) error) (i Info, err error) {
	var created, rotated, wrapped int64
	err = scan(&i.ID, &i.Name, &i.State, &i.Master, &i.Versions, &created, &rotated, &wrapped, &i.wrapped)
	i.Created, i.Rotated, i.Wrapped = database.Time(created), database.Time(rotated), database.Time(wrapped)
	return i, err
}

// Cursor is where a page of sets ends: they are listed by name, then id.
type Cursor struct{ Name, ID string }

// List returns the sets whose names begin with a prefix, after a cursor.
func (s *Sets) List(ctx context.Context, prefix string, after Cursor, limit int) ([]Info, error) {
	limit = min(max(limit, 1), MostPage)
	// No LIKE: its wildcards may stand in names, and its case rules differ among databases.
	return s.infos(ctx, infoColumns+`WHERE substr(name, 1, CAST(? AS INTEGER)) = CAST(? AS TEXT) AND (name > CAST(? AS TEXT) OR name = CAST(? AS TEXT) AND id > CAST(? AS TEXT))
		ORDER BY name, id LIMIT `+fmt.Sprint(limit), len([]rune(prefix)), prefix, after.Name, after.Name, after.ID)
}

func (s *Sets) infos(ctx context.Context, q string, args ...any) ([]Info, error) {
	rows, err := s.db.Query(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("listing key sets: %w", err)
	}
	defer rows.Close()
	var all []Info
	for rows.Next() {
		i, err := scanInfo(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing key sets: %w", err)
		}
		all = append(all, i)
	}
	return all, rows.Err()
}

// ErrAmbiguous is what Find returns where two sets may be meant.
var ErrAmbiguous = errors.New("one key set has that name and another that id: name the former by its id")

// Find is the set that an operator means by a name or an id. Of those that had a name it is the one in use, else the last one.
func (s *Sets) Find(ctx context.Context, ref string) (Info, error) {
	found, err := s.infos(ctx, infoColumns+`WHERE name = ? ORDER BY CASE state WHEN 'destroyed' THEN 1 ELSE 0 END, created_at DESC, id LIMIT 1`, ref)
	if err != nil {
		return Info{}, err
	}
	if isID(ref) {
		byID, err := s.infos(ctx, infoColumns+`WHERE id = ?`, ref)
		if err != nil {
			return Info{}, err
		}
		if found = append(found, byID...); len(found) > 1 && found[0].ID != found[1].ID {
			return Info{}, ErrAmbiguous
		}
	}
	if len(found) == 0 {
		return Info{}, ErrUnknown
	}
	return found[0], nil
}

// Export is a set as the database has it: wrapped, of use only to whoever has the master key. What is wrapped begins with "gwks1", id and name (each a
// length of two bytes and its text) and the number of the key for blind indexes (four bytes), before a Tink key set in its binary form.
type Export struct {
	Info
	Key []byte
}

// Export finds a set by its name or id. Errors: ErrUnknown, ErrAmbiguous, ErrDestroyed.
func (s *Sets) Export(ctx context.Context, ref string) (Export, error) {
	i, err := s.Find(ctx, ref)
	if err == nil && i.State == Destroyed {
		err = ErrDestroyed
	}
	if err != nil {
		return Export{}, err
	}
	s.emit("data-key-exported", i.ID)
	return Export{i, i.wrapped}, nil
}
