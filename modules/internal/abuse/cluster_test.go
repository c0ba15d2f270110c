package abuse

import (
	"context"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/test/redisfleet"
)

// On a Redis Cluster gateways share scores as on one Redis: all that the script touches lies in one slot, also while that moves.
func TestGatewaysShareScoresOnACluster(t *testing.T) {
	cluster := redisfleet.StartCluster(t, 3)
	all := make([]*Table, 2)
	for i := range all {
		all[i] = New(Rules{Config: Defaults()}, time.Now)
		all[i].share = &share{client: cluster.Client(), box: testBox(t), node: string(rune('a' + i)), since: "0"}
		all[i].shares.Store(true)
	}
	a, b := all[0], all[1]
	for range 2 {
		a.Note(bad, Attack)
		b.Note(bad, Attack)
	}
	talk(t, a, b, a)
	for i, table := range all {
		if !near(table.Score(bad), 40) || table.Level(bad) != Tight {
			t.Errorf("gateway %d: %g %s", i, table.Score(bad), table.Level(bad))
		}
	}
	slot := cluster.Slot(store.Key("abuse", "scores"))
	to := cluster.Masters[0]
	if cluster.Owner(slot) == to {
		to = cluster.Masters[1]
	}
	want := 40.
	cluster.Move(slot, to, func() {
		want += 10
		a.Note(bad, Attack)
		_ = a.exchange(context.Background()) // keys on both sides are asked for again at the next exchange
	})
	talk(t, a, b)
	for i, table := range all {
		if !near(table.Score(bad), want) {
			t.Errorf("gateway %d after the slot moved: %g, want %g", i, table.Score(bad), want)
		}
	}
}

// A score that can't be read, as another version might write it, is begun anew: it must not keep all others from being shared.
func TestAnUnreadableScoreStopsNobody(t *testing.T) {
	for _, value := range []string{"", "v2", "10 x 0 0", "nan now 1 -", "1 2 3"} {
		s := redistest.Start(t)
		both := fleet(t, s, 2, nil)
		a, b := both[0], both[1]
		var space [32]byte
		p, _ := client(bad)
		if err := a.share.client.HSet(t.Context(), store.Key("abuse", "scores"), string(clientBytes(space[:0], p)), value).Err(); err != nil {
			t.Fatal(err)
		}
		a.Note(bad, Attack)
		a.Note(neighbour, Attack)
		talk(t, a, b)
		for i, table := range both {
			if got := table.Score(bad); got < 9 || got > 20 || !near(table.Score(neighbour), 10) {
				t.Errorf("%q: gateway %d has %g and %g", value, i, got, table.Score(neighbour))
			}
		}
	}
}
