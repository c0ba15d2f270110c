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
	Relations []string // of the subject and of everyone; at least one
}

// objectsPage is how many relations are read at a time.
const objectsPage = 1000

// Objects lists the objects of a type ("room") to which the subject, or everyone, stands in some relation, sorted; at most limit of them, and
// whether there are more. A list that is cut short holds no particular ones. An empty subject has none. It asks the database.
func (s *Store) Objects(ctx context.Context, subject, kind string, limit int) (list []Held, more bool, err error) {
	if subject == "" || limit <= 0 {
		return nil, false, nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	found := map[string][]string{}
	subjects := []string{subject}
	if subject != Everyone {
		subjects = append(subjects, Everyone)
	}
	for _, who := range subjects {
		if err := s.held(ctx, who, kind, limit+1, found); err != nil {
			return nil, false, err
		}
	}
	list = make([]Held, 0, len(found))
	for object, relations := range found {
		list = append(list, Held{object, relations})
	}
	slices.SortFunc(list, func(a, b Held) int { return strings.Compare(a.Object, b.Object) })
	if len(list) > limit {
		return list[:limit:limit], true, nil
	}
	return list, false, nil
}

// held adds to found what one subject holds: all, or at least limit objects of it.
func (s *Store) held(ctx context.Context, subject, kind string, limit int, found map[string][]string) error {
	now := database.Micros(s.now())
	var object, relation string
	for objects := 0; ; {
		rows, err := s.db.Query(ctx, `SELECT object, relation FROM grants WHERE subject = ? AND kind = ? AND (object, relation) > (?, ?) AND relation <> ?
			AND (expires = 0 OR expires > ?) ORDER BY object, relation LIMIT ?`, subject, kind, object, relation, Parent, now, objectsPage)
		if err != nil {
			return fmt.Errorf("reading grants: %w", err)
		}
		n := 0
		for last := object; rows.Next(); n++ {
			if err := rows.Scan(&object, &relation); err != nil {
				rows.Close()
				return fmt.Errorf("reading grants: %w", err)
			}
			if object != last {
				if objects++; objects > limit {
					break
				}
				last = object
			}
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
