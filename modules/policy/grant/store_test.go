package grant

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

// openDB opens the database; two with one configuration stand for two processes.
func openDB(t testing.TB, config database.Config) (*database.DB, *database.Feed) {
	t.Helper()
	db, err := database.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		feed.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, feed
}

func open(t testing.TB) *Store {
	t.Helper()
	db, feed := openDB(t, dbtest.New(t))
	s := New(db, feed, time.Now)
	t.Cleanup(s.Close)
	return s
}

func apply(t testing.TB, s *Store, add, remove []Grant) {
	t.Helper()
	if err := s.Apply(context.Background(), add, remove); err != nil {
		t.Fatal(err)
	}
}

func relations(t testing.TB, s *Store, subject, object string) string {
	t.Helper()
	r, err := s.Relations(context.Background(), subject, object)
	if err != nil {
		t.Fatal(err)
	}
	r = slices.Clone(r)
	slices.Sort(r)
	return strings.Join(r, " ")
}

func TestRelations(t *testing.T) {
	s := open(t)
	apply(t, s, []Grant{{"ursula", "owner", "room:a", never}, {"ursula", "member", "room:a", never}, {Everyone, "viewer", "room:a", never}, {"room:a", Parent, "file:1", never}}, nil)
	for range 2 { // the second time from memory
		for _, c := range [][3]string{
			{"ursula", "room:a", "member owner viewer"}, {"petra", "room:a", "viewer"}, {"", "room:a", ""}, {"ursula", "room:b", ""},
			{"ursula", "file:1", ""}, {"room:a", "file:1", ""},
		} {
			if got := relations(t, s, c[0], c[1]); got != c[2] {
				t.Errorf("%s to %s: %q, want %q", c[0], c[1], got, c[2])
			}
		}
		if p, err := s.Parent(context.Background(), "file:1"); p != "room:a" || err != nil {
			t.Errorf("parent %q %v", p, err)
		}
		if p, err := s.Parent(context.Background(), "room:a"); p != "" || err != nil {
			t.Errorf("parent %q %v", p, err)
		}
	}
}

func TestApplyTwiceIsOnce(t *testing.T) {
	s := open(t)
	for range 2 {
		apply(t, s, []Grant{{"ursula", "owner", "room:a", never}}, nil)
	}
	if got := relations(t, s, "ursula", "room:a"); got != "owner" {
		t.Error(got)
	}
}

func TestRemoval(t *testing.T) {
	s := open(t)
	fill := []Grant{{"ursula", "owner", "room:a", never}, {"ursula", "member", "room:a", never}, {"petra", "member", "room:a", never}, {"petra", "member", "room:b", never}}
	for _, c := range []struct {
		remove        Grant
		ursula, petra string
	}{
		{Grant{"ursula", "member", "room:a", never}, "owner", "member"},
		{Grant{"ursula", "", "room:a", never}, "", "member"},
		{Grant{"", "member", "room:a", never}, "owner", ""},
		{Grant{"", "", "room:a", never}, "", ""},
	} {
		apply(t, s, fill, nil)
		relations(t, s, "ursula", "room:a")
		apply(t, s, nil, []Grant{c.remove})
		if u, p := relations(t, s, "ursula", "room:a"), relations(t, s, "petra", "room:a"); u != c.ursula || p != c.petra {
			t.Errorf("after removing %v: %q %q", c.remove, u, p)
		}
		if relations(t, s, "petra", "room:b") != "member" {
			t.Error("another object was touched")
		}
	}
}

func TestMalformedIsRefusedWhole(t *testing.T) {
	s := open(t)
	long := strings.Repeat("x", 400)
	for _, g := range []Grant{
		{"", "owner", "room:a", never}, {"ursula", "", "room:a", never}, {"ursula", "owner", "", never}, {"ursula", "owner", "room", never}, {"ursula", "owner", ":a", never},
		{"ursula", "owner", "room:", never}, {"room:b", "owner", "room:a", never}, {"ursula", Parent, "room:a", never}, {Everyone, Parent, "room:a", never},
		{long, "owner", "room:a", never}, {"ursula", long, "room:a", never}, {"ursula", "owner", "room:" + long, never}, {"a\nb", "owner", "room:a", never},
		{"ursula", "owner", "room:\x00", never}, {"\xff", "owner", "room:a", never}, {"ursula", "owner", "room:\xff", never},
	} {
		if err := s.Apply(context.Background(), []Grant{{"petra", "owner", "room:a", never}, g}, nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", g, err)
		}
	}
	if err := s.Apply(context.Background(), nil, []Grant{{"petra", "owner", "", never}}); !errors.Is(err, ErrMalformed) {
		t.Error("everything could be removed")
	}
	if got := relations(t, s, "petra", "room:a"); got != "" {
		t.Errorf("half of a refused change was stored: %q", got)
	}
}

func TestOneParent(t *testing.T) {
	s := open(t)
	apply(t, s, []Grant{{"room:a", Parent, "file:1", never}}, nil)
	apply(t, s, []Grant{{"room:a", Parent, "file:1", never}}, nil)
	if err := s.Apply(context.Background(), []Grant{{"petra", "owner", "file:1", never}, {"room:b", Parent, "file:1", never}}, nil); !errors.Is(err, ErrParent) {
		t.Fatal(err)
	}
	if got := relations(t, s, "petra", "file:1"); got != "" {
		t.Errorf("half of a refused change was stored: %q", got)
	}
	apply(t, s, []Grant{{"room:b", Parent, "file:1", never}}, []Grant{{"", Parent, "file:1", never}})
}

// What must be new is nobody's; what everyone has, and what holds it, is no person's.
func TestFirst(t *testing.T) {
	s := open(t)
	mine, theirs := Grant{"petra", "owner", "room:1", never}, Grant{"ursula", "owner", "room:1", never}
	for range 2 { // a try that is made again
		if err := s.Apply(context.Background(), []Grant{mine, {Everyone, "viewer", "room:1", never}, {"house:a", Parent, "room:1", never}}, nil, mine); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Apply(context.Background(), []Grant{theirs}, nil, theirs); !errors.Is(err, ErrTaken) || relations(t, s, "ursula", "room:1") != "viewer" {
		t.Error(err, relations(t, s, "ursula", "room:1"))
	}
}

func TestAnotherProcessSeesChanges(t *testing.T) {
	config := dbtest.New(t)
	db1, feed1 := openDB(t, config)
	db2, feed2 := openDB(t, config)
	a, b := New(db1, feed1, time.Now), New(db2, feed2, time.Now)
	defer a.Close()
	defer b.Close()
	if relations(t, b, "ursula", "room:a") != "" {
		t.Fatal("granted before")
	}
	stamp := b.Stamp("room:a")
	apply(t, a, []Grant{{"ursula", "owner", "room:a", never}}, nil)
	for end := time.Now().Add(30 * time.Second); relations(t, b, "ursula", "room:a") != "owner"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not seen")
		}
	}
	if b.Stamp("room:a") == stamp {
		t.Error("the stamp is the same")
	}
}

// fakeFeed can go stale.
type fakeFeed struct{ stale atomic.Bool }

func (*fakeFeed) Subscribe(string, func(string)) func() { return func() {} }
func (f *fakeFeed) Fresh() bool                         { return !f.stale.Load() }
func (*fakeFeed) Wake()                                 {}

func TestStaleFeedAsksTheDatabase(t *testing.T) {
	db, _ := openDB(t, dbtest.New(t))
	feed := &fakeFeed{}
	s := New(db, feed, time.Now)
	apply(t, s, []Grant{{"ursula", "owner", "room:a", never}}, nil)
	if relations(t, s, "ursula", "room:a") != "owner" {
		t.Fatal("not granted")
	}
	if _, err := db.Exec(context.Background(), `DELETE FROM grants`); err != nil { // as another process would, unseen
		t.Fatal(err)
	}
	if relations(t, s, "ursula", "room:a") != "owner" {
		t.Fatal("a fresh cache was not used")
	}
	if first, second := s.Stamp("room:a"), s.Stamp("room:a"); first != second {
		t.Error("stamps differ without a change")
	}
	feed.stale.Store(true)
	if got := relations(t, s, "ursula", "room:a"); got != "" {
		t.Errorf("a stale cache was trusted: %q", got)
	}
	if first, second := s.Stamp("room:a"), s.Stamp("room:a"); first == second {
		t.Error("stamps are alike where changes can't be seen")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Relations(context.Background(), "ursula", "room:a"); err == nil {
		t.Error("no error where nobody knows")
	}
}

func TestClosedStoreAsksTheDatabase(t *testing.T) {
	db, _ := openDB(t, dbtest.New(t))
	s := New(db, &fakeFeed{}, time.Now)
	apply(t, s, []Grant{{"ursula", "owner", "room:a", never}}, nil)
	relations(t, s, "ursula", "room:a")
	s.Close()
	if _, err := db.Exec(context.Background(), `DELETE FROM grants`); err != nil {
		t.Fatal(err)
	}
	if got := relations(t, s, "ursula", "room:a"); got != "" {
		t.Errorf("a closed store answers from memory: %q", got)
	}
}

func TestMemoryGetsOld(t *testing.T) {
	db, _ := openDB(t, dbtest.New(t))
	now := time.Now()
	s := New(db, &fakeFeed{}, func() time.Time { return now })
	apply(t, s, []Grant{{"ursula", "owner", "room:a", never}}, nil)
	relations(t, s, "ursula", "room:a")
	if _, err := db.Exec(context.Background(), `DELETE FROM grants`); err != nil {
		t.Fatal(err)
	}
	now = now.Add(maxAge + time.Second)
	if got := relations(t, s, "ursula", "room:a"); got != "" {
		t.Errorf("remembered for ever: %q", got)
	}
}

var roomA = key{object: "room:a"}

// What was read before a change is not remembered after it.
func TestFillThatWasOvertakenIsNotKept(t *testing.T) {
	c := newCache(DefaultMemory)
	stamp := c.stamp("room:a")
	c.forget("room:a")
	c.put(roomA, &facts{whole: true}, stamp, time.Now())
	if c.get(roomA, time.Now()) != nil {
		t.Fatal("it was kept")
	}
	c.put(roomA, &facts{whole: true}, c.stamp("room:a"), time.Now())
	if c.get(roomA, time.Now()) == nil {
		t.Fatal("it was not kept")
	}
}

func TestReadersNeverSeeAnOldAnswerAfterAChange(t *testing.T) {
	s := open(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = s.Relations(context.Background(), "ursula", "room:a")
				}
			}
		})
	}
	g := []Grant{{"ursula", "owner", "room:a", never}}
	for i := range 60 {
		apply(t, s, g, nil)
		if relations(t, s, "ursula", "room:a") != "owner" {
			t.Fatalf("round %d: granted, but not seen", i)
		}
		apply(t, s, nil, g)
		if relations(t, s, "ursula", "room:a") != "" {
			t.Fatalf("round %d: revoked, but still seen", i)
		}
	}
	close(stop)
	wg.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	const limit = 1 << 20
	c := newCache(limit)
	now := time.Now()
	put := func(k key, f *facts) { c.put(k, f, c.stampOf(k), now) }
	used := key{object: "room:used"}
	put(used, &facts{whole: true})
	held := make([]Held, 100)
	for i := range 10 * limit / overhead {
		o := fmt.Sprint("room:", i)
		object := newFacts([]row{{o, "owner", 0}, {Everyone, "viewer", 0}})
		object.whole = true
		put(key{object: o}, object)
		put(key{"room:big", o, part}, newFacts(nil))
		put(key{"room", o, list}, &facts{held: held[:i%100]})
		if i%100 == 0 && c.get(used, now) == nil {
			t.Fatal("what is in use was forgotten")
		}
		if c.bytes < 0 || c.bytes > limit/2 {
			t.Fatalf("%d bytes in one generation", c.bytes)
		}
	}
	sum := 0
	for _, generation := range []map[key]*facts{c.young, c.old} {
		for k, f := range generation {
			sum += f.size(k)
		}
	}
	if sum > limit+overhead+100*48 {
		t.Fatalf("%d bytes remembered", sum)
	}
	for k := range c.young {
		c.forget(k.object)
	}
	for k, f := range c.young {
		if k.what == whole {
			t.Fatalf("%v: %v is not forgotten", k, f)
		}
	}
}

func TestLargeObjects(t *testing.T) {
	s := open(t)
	var add []Grant
	for i := range maxWhole + 10 {
		add = append(add, Grant{fmt.Sprint("user", i), "member", "room:big", never})
	}
	add = append(add, Grant{Everyone, "viewer", "room:big", never}, Grant{"house:1", Parent, "room:big", never})
	apply(t, s, add, nil)
	for range 2 {
		if got := relations(t, s, "user17", "room:big"); got != "member viewer" {
			t.Fatal(got)
		}
		if got := relations(t, s, "nobody", "room:big"); got != "viewer" {
			t.Fatal(got)
		}
		if p, err := s.Parent(context.Background(), "room:big"); p != "house:1" || err != nil {
			t.Fatal(p, err)
		}
	}
	if f := s.cache.get(key{object: "room:big"}, time.Now()); f == nil || f.whole || f.count != 0 {
		t.Fatalf("%+v", f)
	}
	// What concerns who asked is remembered, and forgotten when the object changes.
	k := key{"room:big", "user17", part}
	if f := s.cache.get(k, time.Now()); f == nil || f.count != 3 {
		t.Fatalf("%+v", f)
	}
	apply(t, s, []Grant{{"user17", "owner", "room:big", never}}, nil)
	if s.cache.get(k, time.Now()) != nil {
		t.Fatal("not forgotten")
	}
	if got := relations(t, s, "user17", "room:big"); got != "member owner viewer" {
		t.Fatal(got)
	}
}

func BenchmarkRelations(b *testing.B) {
	s := open(b)
	apply(b, s, []Grant{{"ursula", "owner", "room:a", never}, {Everyone, "viewer", "room:a", never}}, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Relations(context.Background(), "ursula", "room:a"); err != nil {
			b.Fatal(err)
		}
	}
}
