package grant

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Many objects at once are answered as each alone, from the database, from memory, and after a change.
func TestLooks(t *testing.T) {
	s, c, db := openAt(t)
	ctx := context.Background()
	var names []string
	var add []Grant
	for i := range 2*manyLooks + 50 {
		o := fmt.Sprint("file:", i)
		names = append(names, o)
		switch i % 5 {
		case 0:
			add = append(add, Grant{"ursula", "owner", o, never}, Grant{"room:a", Parent, o, never})
		case 1:
			add = append(add, Grant{Everyone, "viewer", o, never}, Grant{"petra", "owner", o, never})
		case 2:
			add = append(add, Grant{"ursula", "member", o, c.in(time.Hour)}, Grant{Everyone, "viewer", o, never})
		case 3:
			add = append(add, Grant{"petra", "owner", o, never}, Grant{"room:b", Parent, o, never})
		}
	}
	names = append(names, "", "file", "file:\x00", names[0])
	apply(t, s, add, nil)
	check := func(subject string, objects []string) {
		t.Helper()
		looks, err := s.Looks(ctx, subject, objects)
		if err != nil || len(looks) != len(objects) {
			t.Fatal(len(looks), err)
		}
		for i, l := range looks {
			r, err := s.Relations(ctx, subject, objects[i])
			p, err2 := s.Parent(ctx, objects[i])
			if err != nil || err2 != nil || !slices.Equal(l.Relations, r) || l.Parent != p {
				t.Fatalf("%s to %q: %v, alone %v %q %v %v", subject, objects[i], l, r, p, err, err2)
			}
		}
	}
	fresh := func() {
		s.cache.mu.Lock()
		clear(s.cache.young)
		clear(s.cache.old)
		s.cache.bytes = 0
		s.cache.mu.Unlock()
	}
	for _, subject := range []string{"ursula", "petra", "mona", "", Everyone} {
		for _, objects := range [][]string{names, names[:fewLooks], names[:fewLooks+1], nil} {
			fresh()
			check(subject, objects)
			check(subject, objects)
		}
	}
	fresh()
	stamp := s.Stamp("file:2")
	if _, err := s.Looks(ctx, "ursula", names); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Hour)
	if s.Stamp("file:2") == stamp {
		t.Error("the stamp outlives the grant")
	}
	check("ursula", names)
	apply(t, s, []Grant{{"ursula", "owner", "file:1", never}}, []Grant{{"ursula", "", "file:0", never}})
	check("ursula", names)
	if looks, err := s.Looks(ctx, "ursula", names[:2]); err != nil || len(looks[0].Relations) != 0 || len(looks[1].Relations) != 2 {
		t.Error(looks, err)
	}
	fresh()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, fewLooks + 10} {
		if _, err := s.Looks(ctx, "ursula", names[:n]); err == nil {
			t.Error("no error where nobody knows")
		}
	}
}
