package ban

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
)

func TestMain(m *testing.M) {
	// timberjack's own worker lives as long as the process; it belongs to the library.
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).runScheduledRotations"),
		goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).millRun"))
}

// clock is a time that only tests move.
type clock struct{ us atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.us.Store(time.Now().UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.us.Load()) }
func (c *clock) forward(d time.Duration) { c.us.Add(d.Microseconds()) }

// openBook is one gateway over the database.
func openBook(t testing.TB, config database.Config, now func() time.Time) *Book {
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
	b, err := Open(t.Context(), Sources{db, feed, events, now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		feed.Close()
		if err := events.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefix(t testing.TB, s string) netip.Prefix {
	t.Helper()
	p, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eventually waits for what happens in other goroutines.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(what)
}

func banned(l *List, ip string) bool {
	_, ok := l.Banned(addr(ip))
	return ok
}
