package grant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Apply removes and then adds, all or nothing. In remove an empty Subject or Relation means any. What it returns nil for is
// durable, and seen by this process at once. What is there already holds until the later of the two ends: an addition takes
// nothing away. To end a grant earlier, remove it and add it in one call. The objects of first must be nobody's so far but those they are
// granted to. Errors: ErrMalformed, ErrParent, ErrTaken, ErrFull.
func (s *Store) Apply(ctx context.Context, add, remove []Grant, first ...Grant) error {
	for _, g := range add {
		if err := g.check(); err != nil {
			return err
		}
	}
	for _, g := range remove {
		if err := g.checkRemoval(); err != nil {
			return err
		}
	}
	now := s.now()
	touched := touched{}
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		for _, g := range remove {
			if err := drop(ctx, tx, g, touched); err != nil {
				return err
			}
		}
		for _, g := range first {
			if err := untaken(ctx, tx, g); err != nil {
				return err
			}
		}
		for _, g := range add {
			if err := s.insert(ctx, tx, g, now, touched); err != nil {
				return err
			}
		}
		if len(touched) == 0 {
			return nil
		}
		return tx.Append(ctx, now, touched.changes()...)
	})
	// Also after an error: whether a commit that failed has happened is not known.
	for object := range touched {
		s.changed(object)
	}
	if len(touched) > 0 {
		s.feed.Wake()
	}
	return err
}

// touched are the objects whose grants are others now. What was there already, or was not there to be removed, touches nothing.
type touched map[string]struct{}

func (t touched) by(object string, result sql.Result) (bool, error) {
	n, err := result.RowsAffected()
	if n > 0 {
		t[object] = struct{}{}
	}
	return n > 0, err
}

func (t touched) changes() (list []database.Change) {
	for _, object := range slices.Sorted(maps.Keys(t)) {
		list = append(list, database.Change{Topic: Topic, Key: object})
	}
	return list
}

func drop(ctx context.Context, tx *database.Tx, g Grant, touched touched) error {
	result, err := tx.Exec(ctx, `DELETE FROM grants WHERE object = ? AND (subject = ? OR CAST(? AS TEXT) = '') AND (relation = ? OR CAST(? AS TEXT) = '')`,
		g.Object, g.Subject, g.Subject, g.Relation, g.Relation)
	if err == nil {
		_, err = touched.by(g.Object, result)
	}
	if err != nil {
		return fmt.Errorf("removing a grant: %w", err)
	}
	return nil
}

// ErrTaken says that an object that should be new is somebody's.
var ErrTaken = errors.New("the object is not new")

// untaken tells whether no other person has anything of an object. What everyone has is nobody's.
func untaken(ctx context.Context, tx *database.Tx, g Grant) error {
	var others int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM grants WHERE object = ? AND relation <> ? AND subject <> ? AND subject <> ?`, g.Object, Parent, g.Subject, Everyone).Scan(&others); err != nil {
		return fmt.Errorf("reading grants: %w", err)
	}
	if others > 0 {
		return fmt.Errorf("adding a grant: %w", ErrTaken)
	}
	return nil
}

// ErrParent says that an object can't be in two places.
var ErrParent = errors.New("the object has another parent")

func (s *Store) insert(ctx context.Context, tx *database.Tx, g Grant, now time.Time, touched touched) error {
	if g.Relation == Parent {
		var other int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM grants WHERE object = ? AND relation = ? AND subject <> ?`, g.Object, Parent, g.Subject).Scan(&other); err != nil {
			return fmt.Errorf("reading grants: %w", err)
		}
		if other > 0 {
			return fmt.Errorf("adding a grant: %w", ErrParent)
		}
	}
	result, err := tx.Exec(ctx, upsert, g.Object, g.Subject, g.Relation, kind(g.Object), database.Micros(now), database.Micros(g.Expires))
	if err != nil {
		return fmt.Errorf("adding a grant: %w", err)
	}
	if added, err := touched.by(g.Object, result); err != nil || !added {
		return err
	}
	return s.checkLimits(ctx, tx, g)
}

// upsert leaves a grant that never ends as it is.
const upsert = `INSERT INTO grants (object, subject, relation, kind, at, expires) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (object, subject, relation) DO UPDATE SET at = excluded.at, expires = excluded.expires
	WHERE grants.expires <> 0 AND (excluded.expires = 0 OR excluded.expires > grants.expires)`

// kind is the type of an object.
func kind(object string) string {
	k, _, _ := strings.Cut(object, ":")
	return k
}
