package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

var never time.Time

// clock is a store's time, which only the test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time               { return time.UnixMicro(c.at.Load()) }
func (c *clock) pass(d time.Duration)         { c.at.Add(d.Microseconds()) }
func (c *clock) in(d time.Duration) time.Time { return c.now().Add(d) }

func openAt(t testing.TB) (*Store, *clock, *database.DB) {
	t.Helper()
	db, _ := openDB(t, dbtest.New(t))
	c := &clock{}
	c.at.Store(time.Now().UnixMicro())
	s := New(db, &fakeFeed{}, c.now)
	t.Cleanup(s.Close)
	return s, c, db
}

func TestTemporaryGrantEnds(t *testing.T) {
	s, c, _ := openAt(t)
	apply(t, s, []Grant{
		{"ursula", "owner", "room:a", c.in(time.Hour)}, {"ursula", "member", "room:a", never}, {Everyone, "viewer", "room:a", c.in(2 * time.Hour)},
		{"petra", "member", "room:a", c.in(time.Microsecond)},
	}, nil)
	for range 2 { // the second time from memory
		if u, p := relations(t, s, "ursula", "room:a"), relations(t, s, "petra", "room:a"); u != "member owner viewer" || p != "member viewer" {
			t.Fatal(u, p)
		}
	}
	c.pass(time.Microsecond)
	if u, p := relations(t, s, "ursula", "room:a"), relations(t, s, "petra", "room:a"); u != "member owner viewer" || p != "viewer" {
		t.Fatal(u, p)
	}
	c.pass(time.Hour - 2*time.Microsecond)
	if got := relations(t, s, "ursula", "room:a"); got != "member owner viewer" {
		t.Fatal("it ended early:", got)
	}
	c.pass(time.Microsecond)
	if got := relations(t, s, "ursula", "room:a"); got != "member viewer" {
		t.Fatal("it counts at its end:", got)
	}
	c.pass(time.Hour)
	if got := relations(t, s, "ursula", "room:a"); got != "member" {
		t.Fatal("what everyone has does not end:", got)
	}
}

// Of an object with very many relations the database is asked: what has expired does not count there either.
func TestTemporaryGrantOfALargeObjectEnds(t *testing.T) {
	s, c, _ := openAt(t)
	add := []Grant{{"ursula", "owner", "room:big", c.in(time.Hour)}}
	for i := range maxWhole + 1 {
		add = append(add, Grant{fmt.Sprint("user", i), "member", "room:big", never})
	}
	apply(t, s, add, nil)
	stamp := s.Stamp("room:big")
	if got := relations(t, s, "ursula", "room:big"); got != "owner" {
		t.Fatal(got)
	}
	c.pass(time.Hour)
	if got := relations(t, s, "ursula", "room:big"); got != "" {
		t.Fatal("expired, but counts:", got)
	}
	if s.Stamp("room:big") == stamp {
		t.Error("the stamp is the same")
	}
}

// Whoever keeps a decision learns by the stamp that a grant has ended, without anybody changing anything.
func TestStampChangesWhenAGrantEnds(t *testing.T) {
	s, c, _ := openAt(t)
	apply(t, s, []Grant{
		{"ursula", "owner", "room:a", c.in(time.Hour)}, {"ursula", "member", "room:a", c.in(2 * time.Hour)}, {"ursula", "member", "room:b", never},
	}, nil)
	stamp := s.Stamp("room:a")
	relations(t, s, "ursula", "room:a")
	relations(t, s, "ursula", "room:b")
	c.pass(time.Hour - time.Microsecond)
	if s.Stamp("room:a") != stamp {
		t.Fatal("it changed early")
	}
	for _, left := range []string{"member", ""} {
		c.pass(time.Microsecond)
		if s.Stamp("room:a") == stamp {
			t.Fatal("a decision by an expired grant would be kept")
		}
		stamp = s.Stamp("room:a")
		if got := relations(t, s, "ursula", "room:a"); got != left { // as whoever decides anew
			t.Fatalf("%q, want %q", got, left)
		}
		c.pass(time.Hour - time.Microsecond)
	}
	c.pass(time.Hour)
	if s.Stamp("room:a") != stamp {
		t.Error("it changes though nothing ends any more")
	}
}

func TestAnAdditionTakesNothingAway(t *testing.T) {
	s, c, _ := openAt(t)
	for _, end := range []time.Time{c.in(time.Hour), c.in(2 * time.Hour), c.in(time.Minute)} {
		apply(t, s, []Grant{{"ursula", "owner", "room:a", end}}, nil)
	}
	c.pass(time.Hour + time.Minute)
	if got := relations(t, s, "ursula", "room:a"); got != "owner" {
		t.Fatal("a later end did not last:", got)
	}
	c.pass(time.Hour)
	if got := relations(t, s, "ursula", "room:a"); got != "" {
		t.Fatal("expired, but counts:", got)
	}
	apply(t, s, []Grant{{"ursula", "owner", "room:a", c.in(time.Hour)}}, nil)
	if got := relations(t, s, "ursula", "room:a"); got != "owner" {
		t.Fatal("what has expired can't be granted again:", got)
	}
	apply(t, s, []Grant{{"ursula", "owner", "room:a", never}}, nil)
	apply(t, s, []Grant{{"ursula", "owner", "room:a", c.in(time.Hour)}}, nil)
	c.pass(1000 * time.Hour)
	if got := relations(t, s, "ursula", "room:a"); got != "owner" {
		t.Fatal("what was granted for good has ended:", got)
	}
	g := Grant{"ursula", "owner", "room:a", c.in(time.Hour)}
	apply(t, s, []Grant{g}, []Grant{g})
	c.pass(time.Hour)
	if got := relations(t, s, "ursula", "room:a"); got != "" {
		t.Fatal("it could not be shortened:", got)
	}
}

func TestAParentNeverExpires(t *testing.T) {
	s, c, _ := openAt(t)
	if err := s.Apply(context.Background(), []Grant{{"room:a", Parent, "file:1", c.in(time.Hour)}}, nil); !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	s, c, db := openAt(t)
	var add []Grant
	for i := range sweepBatch + 7 {
		add = append(add, Grant{fmt.Sprint("user", i), "member", "room:a", c.in(time.Minute)})
	}
	apply(t, s, append(add, Grant{"ursula", "member", "room:a", c.in(time.Hour)}, Grant{"petra", "member", "room:a", never}), nil)
	if n, err := s.Sweep(context.Background()); n != 0 || err != nil {
		t.Fatal("swept early:", n, err)
	}
	c.pass(time.Minute)
	if n, err := s.Sweep(context.Background()); n != sweepBatch+7 || err != nil {
		t.Fatal(n, err)
	}
	var left int
	if err := db.QueryRow(context.Background(), `SELECT COUNT(*) FROM grants`).Scan(&left); err != nil || left != 2 {
		t.Fatal(left, err)
	}
}

// Many decide while the clock runs: none of them may be left with a stamp that outlives its grant.
func TestDeadlineIsNotLost(t *testing.T) {
	for range 200 {
		var d deadline
		var slot atomic.Uint64
		d.set(10)
		passed := make(chan struct{})
		go func() {
			defer close(passed)
			if d.pass(time.UnixMicro(10)) {
				slot.Add(1)
			}
		}()
		stamp := slot.Load()
		d.set(20)
		<-passed
		if slot.Load() == stamp && !d.pass(time.UnixMicro(20)) {
			t.Fatal("a time was lost")
		}
	}
}

func objects(t *testing.T, s *Store, subject, kind string, limit int) (list []string, more bool) {
	t.Helper()
	held, more, err := s.Objects(context.Background(), subject, kind, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range held {
		slices.Sort(h.Relations)
		list = append(list, fmt.Sprint(h.Object, h.Relations))
	}
	return list, more
}

func TestObjects(t *testing.T) {
	s, c, _ := openAt(t)
	apply(t, s, []Grant{
		{"ursula", "owner", "room:b", never}, {"ursula", "member", "room:b", never}, {"ursula", "viewer", "room:open", never}, {Everyone, "viewer", "room:open", never},
		{Everyone, "viewer", "room:Ä", never}, {"ursula", "member", "room:a", c.in(time.Hour)}, {"ursula", "member", "rooms:x", never}, {"ursula", "owner", "roo:m", never},
		{"petra", "member", "room:p", never}, {"room:b", Parent, "message:1", never}, {"ursula", "author", "message:1", never}, {"ursula", "owner", "room:a:b", never},
	}, nil)
	want := []string{"room:a[member]", "room:a:b[owner]", "room:b[member owner]", "room:open[viewer]", "room:Ä[viewer]"}
	if got, more := objects(t, s, "ursula", "room", 100); !slices.Equal(got, want) || more {
		t.Error(got, more)
	}
	if got, more := objects(t, s, "ursula", "room", 5); !slices.Equal(got, want) || more {
		t.Error(got, more)
	}
	for _, limit := range []int{1, 2, 3, 4} {
		if got, more := objects(t, s, "ursula", "room", limit); len(got) != limit || !more {
			t.Error(got, more)
		}
	}
	for _, c := range [][3]string{{"petra", "room", "[room:open[viewer] room:p[member] room:Ä[viewer]]"}, {"", "room", "[]"}, {"ursula", "", "[]"}, {"ursula", "message", "[message:1[author]]"},
		{Everyone, "room", "[room:open[viewer] room:Ä[viewer]]"}, {"room:b", "message", "[]"}} {
		if got, more := objects(t, s, c[0], c[1], 100); fmt.Sprint(got) != c[2] || more {
			t.Error(c, got, more)
		}
	}
	c.pass(time.Hour)
	if got, _ := objects(t, s, "ursula", "room", 100); !slices.Equal(got, want[1:]) {
		t.Error("expired, but listed:", got)
	}
}

// Lists longer than what is read at a time, where an object has several relations at the seam.
func TestManyObjects(t *testing.T) {
	s, _, _ := openAt(t)
	var add []Grant
	for i := range objectsPage {
		object := fmt.Sprintf("room:%04d", i)
		add = append(add, Grant{"ursula", "a", object, never}, Grant{"ursula", "b", object, never}, Grant{"ursula", "c", object, never})
	}
	apply(t, s, add, nil)
	for _, limit := range []int{1, objectsPage / 3, objectsPage/3 + 1, objectsPage - 1, objectsPage, objectsPage + 1} {
		got, more := objects(t, s, "ursula", "room", limit)
		if len(got) != min(limit, objectsPage) || more != (limit < objectsPage) {
			t.Errorf("of %d: %d %v", limit, len(got), more)
		}
		for _, o := range got {
			if o[len(o)-7:] != "[a b c]" {
				t.Errorf("of %d: %s", limit, o)
			}
		}
	}
}
