package abuse

import (
	"net/netip"
	"testing"
	"time"
)

func TestHarder(t *testing.T) {
	var none *Table
	client := netip.MustParseAddr("192.0.2.1")
	if got := none.Harder(client); got != 0 {
		t.Errorf("no table: %d", got)
	}
	c := Defaults()
	c.Ban, c.Points[Attack] = 0, 50
	at := time.Unix(1_800_000_000, 0)
	table := New(Rules{Config: c}, func() time.Time { return at })
	for i, want := range []int{0, 2, 3, 4, 4, 4} { // scores of 50, 100 …
		table.Note(client, Attack)
		if got := table.Harder(client); got != want {
			t.Errorf("after %d attacks, a score of %g: %d bits", i+1, table.Score(client), got)
		}
	}
	if got := table.Harder(netip.MustParseAddr("192.0.2.2")); got != 0 {
		t.Errorf("a neighbour: %d", got)
	}
}
