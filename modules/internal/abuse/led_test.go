package abuse

import (
	"net/netip"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// A page that somebody is lured to can have their browser send what it likes. It can't have them banned, here or by another gateway, nor does it
// count for whom they are; what they do themselves counts as before.
func TestNobodyIsBannedForAnothersPage(t *testing.T) {
	s := redistest.Start(t)
	all := fleet(t, s, 2, nil)
	a, b := all[0], all[1]
	led := reqctx.Client{IP: bad, Led: true}
	for range 1000 {
		a.NoteClient(led, "ada", Attack)
		b.NoteClient(led, "ada", Attack)
	}
	talk(t, a, b, a)
	for i, table := range all {
		if l := table.Level(bad); l != Challenged {
			t.Errorf("gateway %d: the client is %s, at %g", i, l, table.Score(bad))
		}
		if l := table.LevelOf(neighbour, "ada"); l != None {
			t.Errorf("gateway %d: the person is %s", i, l)
		}
	}
	for range 14 {
		a.NoteClient(reqctx.Client{IP: bad}, "", Attack)
	}
	talk(t, a, b)
	if l := a.Level(bad); l != Challenged {
		t.Errorf("fourteen attacks of their own, and the page's: %s", l)
	}
	if !near(b.Score(bad), a.Score(bad)) {
		t.Error(a.Score(bad), b.Score(bad))
	}
	a.NoteClient(reqctx.Client{IP: bad}, "", Attack)
	a.NoteClient(reqctx.Client{IP: bad}, "", Attack)
	if l := a.Level(bad); l != Banned {
		t.Errorf("sixteen attacks of their own: %s", l)
	}
}

// What a page did is forgotten as all else is, and a puzzle halves it.
func TestWhatAPageDidDecays(t *testing.T) {
	tab, c, _ := table(t, nil)
	for range 10 {
		tab.NoteClient(reqctx.Client{IP: bad, Led: true}, "", Attack)
	}
	if got := tab.Score(bad); !near(got, 100) {
		t.Fatal(got)
	}
	c.pass(10 * time.Minute)
	if got := tab.Score(bad); !near(got, 50) {
		t.Error(got)
	}
	tab.Solved(bad)
	if got := tab.Score(bad); !near(got, 25) || tab.Level(bad) != Tight {
		t.Error(got, tab.Level(bad))
	}
	tab.Forget(bad)
	if got := tab.Score(bad); got != 0 {
		t.Error(got)
	}
}

// While nobody takes out who waits to be told of, as when Redis is away, clients that come and go fill no memory. Who found no room is told of later.
func TestWhoWaitsIsBounded(t *testing.T) {
	tab, _, _ := table(t, nil)
	tab.shares.Store(true)
	address := func(n int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(n >> 16), byte(n >> 8), byte(n)})
	}
	const clients = 2 * mostWaiting
	for n := range clients {
		tab.Note(address(n), Attack)
	}
	if got := len(tab.waiting.keys); got != mostWaiting {
		t.Fatalf("%d wait, want %d", got, mostWaiting)
	}
	for len(tab.collect(maxBatch)) > 0 {
	}
	tab.waiting.take(mostWaiting)
	last := address(clients - 1)
	tab.Note(last, Attack)
	if batch := tab.collect(maxBatch); len(batch) != 1 || !near(batch[0].points, 20) {
		t.Errorf("who found no room: %+v", batch)
	}
}
