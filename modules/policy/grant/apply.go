package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Apply removes and then adds, all or nothing. In remove an empty Subject or Relation means any. What it returns nil for is
// durable, and seen by this process at once. What is there already holds until the later of the two ends: an addition takes
// nothing away. To end a grant earlier, remove it and add it in one call.
func (s *Store) Apply(ctx context.Context, add, remove []Grant) error {
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
	changed := changes(add, remove)
	if len(changed) == 0 {
		return nil
	}
	now := s.now()
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		for _, g := range remove {
			if _, err := tx.Exec(ctx, `DELETE FROM grants WHERE object = ? AND (subject = ? OR CAST(? AS TEXT) = '') AND (relation = ? OR CAST(? AS TEXT) = '')`,
				g.Object, g.Subject, g.Subject, g.Relation, g.Relation); err != nil {
				return fmt.Errorf("removing a grant: %w", err)
			}
		}
		for _, g := range add {
			if err := insert(ctx, tx, g, now); err != nil {
				return err
			}
		}
		return tx.Append(ctx, now, changed...)
	})
	// Also after an error: whether a commit that failed has happened is not known.
	for _, c := range changed {
		s.changed(c.Key)
	}
	s.feed.Wake()
	return err
}

// errParent says that an object can't be in two places.
var errParent = errors.New("the object has another parent")

func insert(ctx context.Context, tx *database.Tx, g Grant, now time.Time) error {
	if g.Relation == Parent {
		var other int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM grants WHERE object = ? AND relation = ? AND subject <> ?`, g.Object, Parent, g.Subject).Scan(&other); err != nil {
			return fmt.Errorf("reading grants: %w", err)
		}
		if other > 0 {
			return fmt.Errorf("adding a grant: %w", errParent)
		}
	}
	if _, err := tx.Exec(ctx, upsert, g.Object, g.Subject, g.Relation, kind(g.Object), database.Micros(now), database.Micros(g.Expires)); err != nil {
		return fmt.Errorf("adding a grant: %w", err)
	}
	return nil
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

// changes names each object once.
func changes(lists ...[]Grant) []database.Change {
	var out []database.Change
	seen := map[string]bool{}
	for _, list := range lists {
		for _, g := range list {
			if !seen[g.Object] {
				seen[g.Object] = true
				out = append(out, database.Change{Topic: Topic, Key: g.Object})
			}
		}
	}
	return out
}
