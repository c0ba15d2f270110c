// Package measuretest lends handlers' tests measures that are in force.
package measuretest

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/measure"
)

// Open makes a view over a database of its own, in which only this machine is exempt. It ends with the test.
func Open(t testing.TB) *measure.View {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{SQLite: filepath.Join(t.TempDir(), "measures.db")})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := database.NewFeed(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	table, err := measure.Open(t.Context(), measure.Sources{DB: db, Feed: feed, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = table.Close()
		feed.Close()
		_ = db.Close()
	})
	return table.View(netip.Addr.IsLoopback)
}

// Put puts a measure in force for an hour, and waits until it holds.
func Put(t testing.TB, v *measure.View, kind, id string, what measure.Kind) {
	t.Helper()
	s := measure.Subject{Kind: kind, ID: id}
	if err := v.Put(t.Context(), measure.Measure{Subject: s, Kind: what, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	who := map[string]measure.Who{measure.User: {User: id}, measure.Session: {Session: id}}[kind]
	if who.IP = netip.MustParseAddr("192.0.2.254"); kind == measure.Client {
		who.IP = netip.MustParseAddr(id)
	}
	for range 3000 {
		if v.Of(who).Has(what) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the measure does not hold")
}
