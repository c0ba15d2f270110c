package grant

import (
	"context"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Look is what an object is to a subject.
type Look struct {
	Relations []string // of the subject and of everyone, sorted; nobody writes to them
	Parent    string   // "" where none is known
}

const (
	fewLooks  = 64  // unknown objects that are read one by one, and so remembered whole
	manyLooks = 400 // objects in one question to the database
)

// Looks answers Relations and Parent for many objects. Where memory knows few of them, the database is asked some hundred at a time.
func (s *Store) Looks(ctx context.Context, subject string, objects []string) ([]Look, error) {
	looks := make([]Look, len(objects))
	var unknown []int
	trusted := s.trusted()
	for i, object := range objects {
		if !IsObject(object) {
			continue
		}
		if f := s.remembered(object, subject); trusted && f != nil {
			looks[i] = s.see(object, subject, f)
		} else {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) <= fewLooks {
		for _, i := range unknown {
			f, err := s.find(ctx, objects[i], subject)
			if err != nil {
				return nil, err
			}
			looks[i] = s.see(objects[i], subject, f)
		}
		return looks, nil
	}
	for len(unknown) > 0 {
		n := min(len(unknown), manyLooks)
		if err := s.readMany(ctx, subject, objects, unknown[:n], looks, trusted); err != nil {
			return nil, err
		}
		unknown = unknown[n:]
	}
	return looks, nil
}

// see is the look that the facts give.
func (s *Store) see(object, subject string, f *facts) Look {
	s.cache.expect(object, f)
	l := Look{Parent: f.parent}
	if subject != "" {
		l.Relations = f.relations(subject)
	}
	return l
}

// readMany asks the database for those objects, whose places are given.
func (s *Store) readMany(ctx context.Context, subject string, objects []string, places []int, looks []Look, keep bool) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	stamps := make([]uint64, len(places))
	names := make([]any, len(places))
	for i, place := range places {
		names[i] = objects[place]
		stamps[i] = s.cache.stamp(objects[place])
	}
	marks := strings.Repeat(", ?", len(names))[2:]
	args := append(append([]any{}, names...), subject, Everyone, Parent, database.Micros(s.now()))
	rows, err := s.db.Query(ctx, `SELECT object, subject, relation, expires FROM grants WHERE object IN (`+marks+`) AND subject IN (?, ?) AND relation <> ?
		AND (expires = 0 OR expires > ?) UNION ALL SELECT object, subject, relation, expires FROM grants WHERE object IN (`+marks+`) AND relation = 'parent'`,
		append(args, names...)...)
	if err != nil {
		return fmt.Errorf("reading grants: %w", err)
	}
	defer rows.Close()
	of := make(map[string][]row, len(names))
	for rows.Next() {
		var object string
		var r row
		if err := rows.Scan(&object, &r.subject, &r.relation, &r.expires); err != nil {
			return fmt.Errorf("reading grants: %w", err)
		}
		of[object] = append(of[object], r)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading grants: %w", err)
	}
	for i, place := range places {
		object := objects[place]
		f := newFacts(of[object])
		if looks[place] = s.see(object, subject, f); keep {
			s.cache.put(key{object, subject, part}, f, stamps[i], s.now())
		}
	}
	return nil
}
