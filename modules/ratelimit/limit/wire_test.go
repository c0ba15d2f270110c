package limit

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

func TestKeyIsTheStores(t *testing.T) {
	day, err := NewQuota(1, Day)
	if err != nil {
		t.Fatal(err)
	}
	c := Charge{Zone: &Zone{Name: "uploads", Tier: "premium", Limit: day}, Subject: NewSubject("x")}
	tag, _, _ := strings.Cut(strings.TrimPrefix(c.key(), "gw:{"), "}")
	if want := store.Key(tag, "uploads.premium:day"); c.key() != want || !strings.HasPrefix(tag, "rl:") {
		t.Errorf("%s, not %s", c.key(), want)
	}
}

// Whatever comes back for an answer, it is no panic, and one of another length is an error.
func FuzzAnswer(f *testing.F) {
	answer := func(numbers ...int64) string {
		var b []byte
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
		return string(b)
	}
	f.Add(answer(1, 1_790_000_000_000_000, 5, 5, 0), uint8(1))
	f.Add(answer(0, 1_790_000_000_000_000, 1, 86_400_000_000, -1, 3, 3, 9), uint8(2))
	f.Add(answer(1, -1<<63, -1<<63, 1<<62, -1<<63), uint8(1))
	f.Add("OK", uint8(0))
	rate, err := New(10, time.Second, 10)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		list := make([]Charge, n%8)
		for i := range list {
			list[i].Zone = &Zone{Limit: rate, Shadow: i%2 == 1}
		}
		_, err := read(text, opTake, list, 1)
		if (err == nil) != (len(text) == 8*(2+3*len(list))) {
			t.Fatalf("%d bytes for %d charges: %v", len(text), len(list), err)
		}
		for i := range list {
			if r := list[i].Result; r.Refused && r.Shadowed || r.Remaining < 0 {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// pair is a Cluster of two masters, of which the first has all slots.
func pair(t *testing.T) (a, b *redis.Client, cluster *redis.ClusterClient) {
	t.Helper()
	ctx := context.Background()
	var nodes []*redis.Client
	for range 2 {
		n := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf").Client()
		t.Cleanup(func() { _ = n.Close() })
		nodes = append(nodes, n)
	}
	a, b = nodes[0], nodes[1]
	if err := a.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", 0, hashSlots-1).Err(); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(b.Options().Addr, ":")
	if err := a.ClusterMeet(ctx, host, port).Err(); err != nil {
		t.Fatal(err)
	}
	cluster = redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{a.Options().Addr}, MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = cluster.Close() })
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if b.Set(ctx, "x", 1, time.Second).Err() != nil && cluster.Set(ctx, "x", 1, time.Second).Err() == nil && strings.Contains(b.ClusterInfo(ctx).Val(), "cluster_state:ok") {
			return a, b, cluster
		}
		if time.Now().After(end) {
			t.Fatal("the cluster does not come up")
		}
	}
}

// The slot that we work out is Redis's, and whoever falls into one slot is asked for in one script.
func TestOneScriptASlot(t *testing.T) {
	ctx := context.Background()
	a, _, cluster := pair(t)
	z := zone(t, "z", 1, time.Hour, 5, Closed)
	first := map[int]Subject{}
	var same [2]Subject
	for i := 0; same == [2]Subject{}; i++ {
		c := Charge{Zone: z, Subject: NewSubject(fmt.Sprint(i))}
		if i < 50 {
			if slot := a.ClusterKeySlot(ctx, c.key()).Val(); int(slot) != c.slot() {
				t.Fatalf("%s: slot %d, Redis says %d", c.key(), c.slot(), slot)
			}
		}
		if other, ok := first[c.slot()]; ok {
			same = [2]Subject{other, c.Subject}
		}
		first[c.slot()] = c.Subject
	}
	l := NewLimiter(NewState(0, time.Now), Options{Redis: cluster, Timeout: 5 * time.Second})
	defer l.Close()
	y := zone(t, "y", 1, time.Hour, 5, Closed)
	l.Take(ctx, []Charge{{Zone: z, Subject: same[0]}}) // Redis learns the script
	before := scripts(t, a)
	if d := l.Take(ctx, []Charge{{Zone: z, Subject: same[0]}, {Zone: y, Subject: same[1]}}); !d.Allowed {
		t.Fatalf("%+v", d)
	}
	if n := scripts(t, a) - before; n != 1 {
		t.Errorf("%d scripts for two subjects of one slot", n)
	}
	list := []Charge{{Subject: same[0]}, {Subject: NewSubject("elsewhere")}, {Subject: same[1]}}
	if got := fmt.Sprint(bySlot(list)); got != "[[0 2] [1]]" {
		t.Errorf("%s", got)
	}
}

func scripts(t *testing.T, c *redis.Client) (n int) {
	t.Helper()
	info, err := c.InfoMap(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cmdstat_evalsha", "cmdstat_eval"} {
		var calls int
		if _, err := fmt.Sscanf(info["Commandstats"][name], "calls=%d", &calls); err == nil {
			n += calls
		}
	}
	return n
}

// While a slot moves, some of its keys are on one node and some on the other, and no script may touch both. Nobody is refused for it, and nothing is
// counted twice or forgotten.
func TestSlotOnTheMove(t *testing.T) {
	ctx := context.Background()
	a, b, cluster := pair(t)
	l := NewLimiter(NewState(0, time.Now), Options{Redis: cluster, Timeout: 5 * time.Second})
	defer l.Close()
	x, y, z := zone(t, "x", 1, time.Hour, 10, Closed), zone(t, "y", 1, time.Hour, 10, Closed), zone(t, "z", 1, time.Hour, 3, Closed)
	take := func(left int64, zones ...*Zone) {
		t.Helper()
		c := charges("mover", zones...)
		if d := l.Take(ctx, c); !d.Allowed || d.Source != FromRedis || c[0].Result.Remaining != left {
			t.Fatalf("%+v %+v", d, c)
		}
	}
	take(9, x, y)
	slot := charges("mover", x)[0].slot()
	from, to := a.ClusterMyID(ctx).Val(), b.ClusterMyID(ctx).Val()
	for _, step := range []struct {
		on   *redis.Client
		args []any
	}{{b, []any{"CLUSTER", "SETSLOT", slot, "IMPORTING", from}}, {a, []any{"CLUSTER", "SETSLOT", slot, "MIGRATING", to}}} {
		if err := step.on.Do(ctx, step.args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	host, port, _ := strings.Cut(b.Options().Addr, ":")
	if err := a.Migrate(ctx, host, port, charges("mover", x)[0].key(), 0, time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	// x is there, y is here, z is nowhere yet.
	keys := []string{charges("mover", x)[0].key(), charges("mover", y)[0].key()}
	if err := a.EvalSha(ctx, l.remote.counter.script.Hash(), keys, "T").Err(); !redis.IsTryAgainError(err) {
		t.Fatalf("the fault does not show: %v", err)
	}
	take(8, x, y, z)
	take(7, x, y, z)
	take(6, x, y, z)
	c := charges("mover", x, y, z)
	if d := l.Take(ctx, c); d.Allowed || d.Unavailable || !c[2].Result.Refused {
		t.Fatalf("%+v %+v", d, c)
	}
	if err := l.Peek(ctx, c); err != nil || c[0].Result.Remaining != 6 || c[1].Result.Remaining != 6 {
		t.Errorf("who was refused by one is charged by others: %+v %v", c, err)
	}
	if err := a.Migrate(ctx, host, port, keys[1], 0, time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*redis.Client{b, a} {
		if err := n.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", to).Err(); err != nil {
			t.Fatal(err)
		}
	}
	take(5, x, y)
}
