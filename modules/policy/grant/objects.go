package grant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Held is an object, with how a subject stands to it.
type Held struct {
	Object    string   // "type:id"
	Relations []string // of the subject and of everyone, sorted; at least one
}

// objectsPage is how many relations are read at a time.
const objectsPage = 1000

// Objects lists the objects of a type ("room") to which the subject, or everyone, stands in some relation, sorted; at most limit of them, and
// whether there are more. A list that is cut short holds no particular ones. An empty subject has none. It is remembered until a grant on any
// object of the type changes. Nobody writes to what it returns.
func (s *Store) Objects(ctx context.Context, subject, kind string, limit int) (objects []Held, more bool, err error) {
	if subject == "" || limit <= 0 {
		return nil, false, nil
	}
	trusted := s.trusted()
	k := key{kind, subject, list}
	if trusted {
		if f := s.cache.get(k, s.now()); f != nil {
			if len(f.held) > limit {
				return f.held[:limit:limit], true, nil
			}
			if !f.more || len(f.held) == limit {
				return slices.Clip(f.held), f.more, nil
			}
		}
	}
	stamp := s.cache.stampOf(k)
	f, err := s.readObjects(ctx, subject, kind, limit)
	if err != nil {
		return nil, false, err
	}
	if trusted {
		s.cache.put(k, f, stamp, s.now())
	}
	return slices.Clip(f.held), f.more, nil
}

func (s *Store) readObjects(ctx context.Context, subject, kind string, limit int) (*facts, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	f, found := &facts{}, map[string][]string{}
	subjects := []string{subject}
	if subject != Everyone {
		subjects = append(subjects, Everyone)
	}
	for _, who := range subjects {
		if err := s.held(ctx, who, kind, limit+1, f, found); err != nil {
			return nil, err
		}
	}
	f.held = make([]Held, 0, len(found))
	sets := &facts{} // to keep each set of relations once
	for object, relations := range found {
		f.held = append(f.held, Held{object, sets.distinct[sets.set(relations)]})
	}
	slices.SortFunc(f.held, func(a, b Held) int { return strings.Compare(a.Object, b.Object) })
	if f.more = len(f.held) > limit; f.more {
		f.held = slices.Clone(f.held[:limit])
	}
	return f, nil
}

// held adds to found what one subject holds: all, or at least limit objects of it.
func (s *Store) held(ctx context.Context, subject, kind string, limit int, f *facts, found map[string][]string) error {
	now := database.Micros(s.now())
	var object, relation string
	var expires int64
	for objects := 0; ; {
		rows, err := s.db.Query(ctx, `SELECT object, relation, expires FROM grants WHERE subject = ? AND kind = ? AND (object, relation) > (?, ?) AND relation <> ?
			AND (expires = 0 OR expires > ?) ORDER BY object, relation LIMIT ?`, subject, kind, object, relation, Parent, now, objectsPage)
		if err != nil {
			return fmt.Errorf("reading grants: %w", err)
		}
		n := 0
		for last := object; rows.Next(); n++ {
			if err := rows.Scan(&object, &relation, &expires); err != nil {
				rows.Close()
				return fmt.Errorf("reading grants: %w", err)
			}
			if object != last {
				if objects++; objects > limit {
					break
				}
				last = object
			}
			f.expires(expires)
			if !slices.Contains(found[object], relation) { // of the subject and of everyone, too
				found[object] = append(found[object], relation)
			}
		}
		err = rows.Err()
		rows.Close()
		if err != nil {
			return fmt.Errorf("reading grants: %w", err)
		}
		if n < objectsPage {
			return nil
		}
	}
}
