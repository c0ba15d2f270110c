package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestLimits(t *testing.T) {
	db, feed := openDB(t, dbtest.New(t))
	s := NewWithin(db, feed, time.Now, Limits{PerObject: 5, PerSubject: 7})
	defer s.Close()
	add := func(g ...Grant) error { return s.Apply(context.Background(), g, nil) }
	for i := range 5 {
		if err := add(Grant{fmt.Sprint("user", i), "member", "room:a", never}); err != nil {
			t.Fatal(err)
		}
	}
	err := add(Grant{"user0", "owner", "room:b", never}, Grant{"ursula", "member", "room:a", never})
	var full *FullError
	if !errors.Is(err, ErrFull) || !errors.As(err, &full) || full.Object != "room:a" || full.Limit != 5 || !strings.Contains(err.Error(), "room:a has the 5 that an object may have") {
		t.Fatal(err)
	}
	if got := relations(t, s, "ursula", "room:a") + relations(t, s, "user0", "room:b"); got != "" {
		t.Errorf("half of a refused change was stored: %q", got)
	}
	if err := add(Grant{"user3", "member", "room:a", never}); err != nil {
		t.Error("what is there already was refused:", err)
	}
	if err := s.Apply(context.Background(), []Grant{{"ursula", "member", "room:a", never}}, []Grant{{"user3", "", "room:a", never}}); err != nil {
		t.Error("in the place of another:", err)
	}
	for i := range 6 {
		if err := add(Grant{"ursula", "author", fmt.Sprint("message:", i), never}, Grant{"room:a", Parent, fmt.Sprint("message:", i), never}); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(Grant{"ursula", "author", "message:7", never}); !errors.Is(err, ErrFull) || strings.Contains(err.Error(), "ursula") {
		t.Fatal(err)
	}
	// A room holds as many messages as there are.
	for i := range 10 {
		if err := add(Grant{"room:a", Parent, fmt.Sprint("message:p", i), never}); err != nil {
			t.Fatal(err)
		}
	}
}

// Large ones are not counted at each addition, and are refused in the end all the same.
func TestLimitsOfLargeObjects(t *testing.T) {
	s, _, _ := openAt(t)
	s.limits.PerObject = 3000
	ctx := context.Background()
	i := 0
	batch := func(n int) error {
		var add []Grant
		for range n {
			add = append(add, Grant{fmt.Sprint("user", i), "member", "room:a", never})
			i++
		}
		return s.Apply(ctx, add, nil)
	}
	for range 29 {
		if err := batch(100); err != nil {
			t.Fatal(i, err)
		}
	}
	for i < 3000 {
		if err := batch(1); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := batch(1); !errors.Is(err, ErrFull) {
		t.Fatal(i, err)
	}
}

func TestBudget(t *testing.T) {
	var b budget
	b.counted("few", countAlways-1, 1000)
	b.counted("nearly", 995, 1000)
	b.counted("some", 300, 1000)
	b.counted("most", 300, 1_000_000)
	for name, want := range map[string]int{"few": 0, "nearly": 0, "some": 87, "most": maxLeave, "none": 0} {
		n := 0
		for b.spend(name) {
			n++
		}
		if n != want {
			t.Errorf("%s: %d, want %d", name, n, want)
		}
	}
	for i := range 3 * maxLeaves {
		b.counted(fmt.Sprint(i), 300, 1000)
	}
	if len(b.left) > maxLeaves {
		t.Error("not bounded")
	}
}

// What changes nothing tells nobody: a room that many enter again and again is not read again and again.
func TestNothingChangedIsNoChange(t *testing.T) {
	s, _, db := openAt(t)
	g := Grant{"ursula", "member", "room:a", never}
	apply(t, s, []Grant{g}, nil)
	stamp := s.Stamp("room:a")
	apply(t, s, []Grant{g}, []Grant{{"petra", "", "room:a", never}})
	if s.Stamp("room:a") != stamp {
		t.Error("the stamp is another")
	}
	var n int
	if err := db.QueryRow(context.Background(), `SELECT COUNT(*) FROM changes`).Scan(&n); err != nil || n != 1 {
		t.Error(n, err)
	}
}
