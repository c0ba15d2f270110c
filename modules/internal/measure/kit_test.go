package measure

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Both(m)) }

// clock is a time that only tests move.
type clock struct{ us atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.us.Store(time.Now().UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.us.Load()) }
func (c *clock) forward(d time.Duration) { c.us.Add(d.Microseconds()) }

// open is one gateway over the database.
func open(t testing.TB, config database.Config, now func() time.Time) *View {
	t.Helper()
	db, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Open(t.Context(), Sources{db, feed, now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
		feed.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return table.View(func(ip netip.Addr) bool { return ip.IsLoopback() || ip == addr("203.0.113.7") })
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// eventually waits for what happens in other goroutines.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for range 3000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(what)
}
