package keyset

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// Memory is bounded, whatever number of rooms there is, and a set that was let go of while somebody held it is still told of its end.
func TestMemoryIsBounded(t *testing.T) {
	o := ground(t, dbtest.NewSQLite(t))
	o.Master, o.Cache = ringKey(t), 10
	n := openWith(t, o)
	held := use(t, n, "first")
	sealed := seal(t, held, "text", "x", "")
	for i := range 50 {
		use(t, n, fmt.Sprint(i))
		if n.Size() > 12 {
			t.Fatalf("%d sets are in memory", n.Size())
		}
	}
	if n.cache.byID(held.ID()) != nil {
		t.Fatal("it is still in memory: the test shows nothing")
	}
	if plain, _, err := held.Open(nil, "text", sealed, nil); err != nil || string(plain) != "x" {
		t.Error(string(plain), err)
	}
	if _, err := n.Destroy(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := held.Open(nil, "text", sealed, nil); !errors.Is(err, ErrDestroyed) {
		t.Error(err)
	}
}

// What is in use stays while others pass by.
func TestWhatIsInUseStaysInMemory(t *testing.T) {
	o := ground(t, dbtest.NewSQLite(t))
	o.Master, o.Cache = ringKey(t), 10
	n := openWith(t, o)
	s := use(t, n, "hot")
	for i := range 50 {
		use(t, n, fmt.Sprint(i))
		if use(t, n, "hot") != s {
			t.Fatal("it was read anew")
		}
	}
}

func TestNoMoreSetsThanThereMayBe(t *testing.T) {
	o := ground(t, dbtest.New(t))
	o.Master, o.Most = ringKey(t), 3
	n := openWith(t, o)
	for i := range 3 {
		use(t, n, fmt.Sprint(i))
	}
	if _, err := n.Use(t.Context(), "3"); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	use(t, n, "1")
	if _, err := n.New(t.Context(), "3"); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}

// stoppable is a feed that can be cut off.
type stoppable struct {
	Feed
	cut atomic.Bool
}

func (f *stoppable) Fresh() bool { return !f.cut.Load() && f.Feed.Fresh() }
func (f *stoppable) Subscribe(topic string, fn func(string)) func() {
	return f.Feed.Subscribe(topic, func(key string) {
		if !f.cut.Load() {
			fn(key)
		}
	})
}

// A gateway that hears of no changes asks the database, and where that is away, refuses.
func TestWithoutTheFeedTheDatabaseIsAsked(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	o := ground(t, config)
	feed := &stoppable{Feed: o.Feed}
	o.Master, o.Feed = key, feed
	cut, other := openWith(t, o), openNode(t, config, key)
	s := use(t, cut, "room")
	feed.cut.Store(true)
	use(t, cut, "room")
	if _, err := other.Destroy(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	if _, err := cut.ByID(t.Context(), s.ID()); !errors.Is(err, ErrDestroyed) {
		t.Error("a destroyed set is used:", err)
	}
	use(t, cut, "more")
	if err := o.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := cut.Use(t.Context(), "more"); !errors.Is(err, ErrUnavailable) {
		t.Error("without feed and database:", err)
	}
}
