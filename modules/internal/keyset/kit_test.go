package keyset

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/master"
)

func TestMain(m *testing.M) {
	// timberjack's own worker lives as long as the process; it belongs to the library.
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).runScheduledRotations"),
		goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).millRun"))
}

// node is one gateway over a database.
type node struct {
	*Sets
	options Options
	close   func()
}

func ringKey(t testing.TB) master.Key {
	t.Helper()
	r, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return master.FromRing(r)
}

// ground opens what Sets stand on.
func ground(t testing.TB, config database.Config) Options {
	t.Helper()
	db, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	events, err := event.Open(event.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		feed.Close()
		if err := events.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return Options{DB: db, Feed: feed, Events: events, Now: time.Now}
}

func openNode(t testing.TB, config database.Config, k master.Key, accept ...master.Key) *node {
	t.Helper()
	o := ground(t, config)
	o.Master, o.Accept = k, accept
	return openWith(t, o)
}

func openWith(t testing.TB, o Options) *node {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Sets: s, options: o}
	closed := false
	n.close = func() {
		if !closed {
			closed = true
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(n.close)
	return n
}

func use(t testing.TB, n *node, name string) *Set {
	t.Helper()
	s, err := n.Use(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func seal(t testing.TB, s *Set, field, plain, aad string) []byte {
	t.Helper()
	b, err := s.Seal(nil, field, []byte(plain), []byte(aad))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opens tells that a sealed value opens as the plaintext.
func opens(t testing.TB, n *node, id, field string, sealed []byte, aad, want string) (stale bool) {
	t.Helper()
	s, err := n.ByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got, stale, err := s.Open(nil, field, sealed, []byte(aad))
	if err != nil || string(got) != want {
		t.Fatalf("it opens as %q: %v", got, err)
	}
	return stale
}

// eventually waits for what the change feed brings.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
