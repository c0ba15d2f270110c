package grant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The close form says what a plain one does, whatever the names.
func TestFactsSayWhatTheRowsSay(t *testing.T) {
	names := []string{"a", "ab", "b", "aa", "z", "ursula", "%41da@corp", Everyone}
	relations := []string{"owner", "member", "viewer", "author", Parent}
	rapid.Check(t, func(t *rapid.T) {
		seen := map[row]bool{}
		plain := map[string][]string{}
		var rows []row
		parent := ""
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			r := row{subject: rapid.SampledFrom(names).Draw(t, "subject"), relation: rapid.SampledFrom(relations).Draw(t, "relation")}
			if r.relation == Parent {
				if parent != "" {
					continue
				}
				r.subject = "room:" + r.subject
				parent = r.subject
			} else if !seen[r] {
				plain[r.subject] = append(plain[r.subject], r.relation)
			}
			if !seen[r] {
				rows = append(rows, r)
			}
			seen[r] = true
		}
		f := newFacts(slices.Clone(rows))
		if f.parent != parent || f.count != len(rows) {
			t.Fatalf("parent %q, %d rows", f.parent, f.count)
		}
		for _, name := range append(names, "", "nobody", "room:a", "zz") {
			want := slices.Concat(plain[name], plain[Everyone])
			slices.Sort(want)
			want = slices.Compact(want)
			if got := f.relations(name); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Fatalf("%s: %v, want %v, of %v", name, got, want, rows)
			}
		}
	})
}

// Whoever appends to what was returned does not write into what others get.
func TestAnswersAreNotSharedToWrite(t *testing.T) {
	f := newFacts([]row{{"ursula", "owner", 0}, {Everyone, "viewer", 0}, {Everyone, "reader", 0}, {Everyone, "c", 0}})
	for _, name := range []string{"ursula", "petra"} {
		before := strings.Join(f.relations(name), " ")
		_ = append(f.relations(name), "x")
		_ = append(f.relations(name), "y")
		if got := strings.Join(f.relations(name), " "); got != before {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// An id that nothing could have been granted on is not looked up: whoever sends such ones does not fill the memory.
func TestWhatIsNoObjectIsNotAsked(t *testing.T) {
	s, _, db := openAt(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{"", "room", "room:", ":a", "room:\x00a", "room:" + strings.Repeat("x", maxObject), "room:\xff"} {
		if got := relations(t, s, "ursula", o); got != "" {
			t.Errorf("%q: %q", o, got)
		}
	}
	if len(s.cache.young) != 0 {
		t.Error("they are remembered")
	}
	if _, err := s.Relations(context.Background(), "ursula", "room:a"); err == nil {
		t.Error("the database was not asked")
	}
}

func TestObjectsAreRemembered(t *testing.T) {
	s, c, db := openAt(t)
	ctx := context.Background()
	apply(t, s, []Grant{{"ursula", "owner", "room:a", never}, {"ursula", "owner", "room:b", never}, {Everyone, "viewer", "room:c", c.in(60e9)}}, nil)
	ask := func(limit int) string {
		t.Helper()
		got, more := objects(t, s, "ursula", "room", limit)
		return fmt.Sprint(got, more)
	}
	if got := ask(10); got != "[room:a[owner] room:b[owner] room:c[viewer]] false" {
		t.Fatal(got)
	}
	exec := func(q string) {
		t.Helper()
		if _, err := db.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	exec(`DELETE FROM grants WHERE object = 'room:b'`) // unseen
	if got := ask(3); got != "[room:a[owner] room:b[owner] room:c[viewer]] false" {
		t.Fatal("not remembered:", got)
	}
	if got := ask(2); got != "[room:a[owner] room:b[owner]] true" {
		t.Fatal("not remembered:", got)
	}
	apply(t, s, []Grant{{"ursula", "author", "message:1", never}}, nil) // of another type
	if got := ask(3); got != "[room:a[owner] room:b[owner] room:c[viewer]] false" {
		t.Fatal("not remembered:", got)
	}
	apply(t, s, []Grant{{"petra", "owner", "room:p", never}}, nil)
	if got := ask(3); got != "[room:a[owner] room:c[viewer]] false" {
		t.Fatal("remembered after a change:", got)
	}
	exec(`INSERT INTO grants (object, kind, subject, relation, at) VALUES ('room:d', 'room', 'ursula', 'owner', 1)`)
	c.pass(60e9)
	if got := ask(3); got != "[room:a[owner] room:d[owner]] false" {
		t.Fatal("remembered after its end:", got)
	}
	// A list that was cut short does not stand for a longer one.
	if got := ask(1); got != "[room:a[owner]] true" {
		t.Fatal(got)
	}
	apply(t, s, []Grant{{"petra", "owner", "room:q", never}}, nil)
	for _, want := range []string{"[room:a[owner]] true", "[room:a[owner]] true"} {
		if got := ask(1); got != want {
			t.Fatal(got)
		}
	}
	if got := ask(2); got != "[room:a[owner] room:d[owner]] false" {
		t.Fatal(got)
	}
}
