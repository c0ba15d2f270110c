package abuse

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

// fleet is gateways over one Redis. Nothing of them runs by itself: the test says when they talk.
func fleet(t *testing.T, s *redistest.Server, n int, change func(*Rules)) []*Table {
	t.Helper()
	r, err := store.OpenRedis(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	all := make([]*Table, n)
	for i := range all {
		rules := Rules{Config: Defaults()}
		if change != nil {
			change(&rules)
		}
		all[i] = New(rules, time.Now)
		all[i].share = &share{client: r.Redis(), box: testBox(t), node: strconv.Itoa(i), since: "0"}
		all[i].shares.Store(true)
	}
	return all
}

func talk(t testing.TB, tables ...*Table) {
	t.Helper()
	for _, table := range tables {
		if err := table.exchange(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// near is equal but for what decays in the seconds of a test.
func near(a, b float64) bool { return math.Abs(a-b) <= 0.05*max(a, b, 1) }

func TestGatewaysShareScores(t *testing.T) {
	s := redistest.Start(t)
	all := fleet(t, s, 3, nil)
	a, b, c := all[0], all[1], all[2]
	for range 3 {
		a.Note(bad, Attack)
		b.Note(bad, Attack)
	}
	b.NoteUser(neighbour, "villain", Attack)
	if !near(a.Score(bad), 30) {
		t.Fatal(a.Score(bad))
	}
	talk(t, a, b, a, c)
	for i, table := range all {
		if !near(table.Score(bad), 60) || table.Level(bad) != Challenged || !near(table.Score(neighbour), 2.5) {
			t.Errorf("gateway %d: %g %s %g", i, table.Score(bad), table.Level(bad), table.Score(neighbour))
		}
	}
	talk(t, a, b, c, a, b, c) // nothing new: nothing changes
	if !near(c.Score(bad), 60) {
		t.Error(c.Score(bad))
	}
	c.Note(bad, Attack) // on top of what is known
	c.Solved(bad)
	if c.Level(bad) != Tight {
		t.Error(c.Level(bad))
	}
	talk(t, c, a, b)
	for i, table := range all {
		if !near(table.Score(bad), 35) || table.Level(bad) != Tight {
			t.Errorf("gateway %d after a puzzle: %g %s", i, table.Score(bad), table.Level(bad))
		}
	}
	before := a.Score(bad)
	a.Solved(bad) // solved elsewhere a moment ago
	if !near(a.Score(bad), before) {
		t.Error("each gateway halves the score")
	}
	late := fleet(t, s, 1, nil)[0]
	talk(t, late)
	if !near(late.Score(bad), a.Score(bad)) {
		t.Error("a gateway that starts later knows nothing", late.Score(bad))
	}
	r := all[0].share.client
	for _, k := range []string{store.Key("abuse", "scores"), store.Key("abuse", "changed"), store.Key("abuse", "batch", "0")} {
		if ttl := r.PTTL(context.Background(), k).Val(); ttl <= 0 {
			t.Errorf("%s never expires: %s", k, ttl)
		}
	}
	if err := r.ScriptFlush(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	a.Note(bad, Attack)
	talk(t, a, b)
	if !near(b.Score(bad), 45) {
		t.Error("after SCRIPT FLUSH", b.Score(bad))
	}
}

// hook lets a test lose calls, before they are made or only their answer.
type hook struct{ before, after bool }

var errLost = errors.New("lost")

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.before {
			cmd.SetErr(errLost)
			return errLost
		}
		err := next(ctx, cmd)
		if h.after && (err == nil || !redis.HasErrorPrefix(err, "NOSCRIPT")) {
			cmd.SetErr(errLost)
			return errLost
		}
		return err
	}
}

// An answer that is lost makes nothing count twice, however often it is lost, and what Redis can't be told counts here.
func TestLostAnswers(t *testing.T) {
	s := redistest.Start(t)
	all := fleet(t, s, 2, nil)
	a, b := all[0], all[1]
	lossy := new(hook)
	r, err := store.OpenRedis(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	r.Redis().AddHook(lossy)
	a.share.client = r.Redis()

	a.Note(bad, Attack)
	lossy.after = true
	for range 5 {
		if err := a.exchange(context.Background()); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		a.Note(bad, Limited)
	}
	want := a.Score(bad)
	lossy.after, lossy.before = false, true
	for range 3 {
		_ = a.exchange(context.Background())
	}
	lossy.before = false
	talk(t, a, b)
	if !near(a.Score(bad), want) || !near(b.Score(bad), want) {
		t.Errorf("%g noted; here it is %g, elsewhere %g", want, a.Score(bad), b.Score(bad))
	}
	// Redis stays away for long.
	lossy.before = true
	a.Note(bad, Attack)
	_ = a.exchange(context.Background())
	a.share.first -= giveUp.Microseconds()
	_ = a.exchange(context.Background())
	a.Note(bad, Attack)
	lossy.before = false
	talk(t, a, b)
	if !near(b.Score(bad), want+10) || a.Score(bad) < b.Score(bad)-1 {
		t.Error(a.Score(bad), b.Score(bad), want)
	}
}

// However gateways note and talk, in the end all know the sum of what was noted, as one table would.
func TestSharingLosesNothing(t *testing.T) {
	s := redistest.Start(t)
	r, err := store.OpenRedis(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	rapid.Check(t, func(t *rapid.T) {
		if err := r.Redis().FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		all := make([]*Table, 3)
		for i := range all {
			all[i] = New(Rules{Config: Defaults()}, time.Now)
			all[i].share = &share{client: r.Redis(), box: testBox(t), node: strconv.Itoa(i), since: "0"}
			all[i].shares.Store(true)
		}
		sum := map[netip.Addr]float64{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			table := all[rapid.IntRange(0, 2).Draw(t, "gateway")]
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				if err := table.exchange(context.Background()); err != nil {
					t.Fatal(err)
				}
				continue
			}
			a := netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(0, 5).Draw(t, "client"))})
			table.Note(a, Attack)
			sum[a] += 10
		}
		for range 2 {
			for _, table := range all {
				if err := table.exchange(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for a, want := range sum {
			for i, table := range all {
				if got := table.Score(a); !near(got, want) {
					t.Fatalf("gateway %d: %s has %g, want %g", i, a, got, want)
				}
			}
		}
	})
}

// Many clients go in several batches and pages, and what Redis holds is bounded by the coldest's going.
func TestManyClients(t *testing.T) {
	s := redistest.Start(t)
	all := fleet(t, s, 2, nil)
	const n = 5000
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	for i := range n {
		all[0].Note(addr(i), Attack)
	}
	talk(t, all...)
	for i := range n {
		if !near(all[1].Score(addr(i)), 10) {
			t.Fatal(i, all[1].Score(addr(i)))
		}
	}
	ctx, r := context.Background(), all[0].share.client
	keys := []string{store.Key("abuse", "scores"), store.Key("abuse", "changed"), store.Key("abuse", "batch", "x")}
	args := []any{int64(600e6), int64(6000e6), 100, "0", 10, "x 1", testBox(t).Mark(string(clientBytes(nil, netip.PrefixFrom(bad, 32))), place), "10", 0, "", "", ""}
	if err := shareScript.Run(ctx, r, keys, args...).Err(); err != nil {
		t.Fatal(err)
	}
	if held, ranked := r.HLen(ctx, keys[0]).Val(), r.ZCard(ctx, keys[1]).Val(); held != 100 || ranked != 100 {
		t.Errorf("%d scores, %d ranks", held, ranked)
	}
	late := fleet(t, s, 1, nil)[0]
	talk(t, late)
	if !near(late.Score(bad), 10) {
		t.Error("the newest went first")
	}
}

// A table that runs by itself shares, bans and ends.
func TestRunning(t *testing.T) {
	s := redistest.Start(t)
	r, err := store.OpenRedis(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	banned := make(chan netip.Prefix, 10)
	rules := Rules{Config: Defaults(), KeepOut: func(_ context.Context, client netip.Prefix) (time.Duration, error) {
		banned <- client
		return time.Hour, nil
	}}
	a, b := New(rules, time.Now), New(Rules{Config: Defaults()}, time.Now)
	for _, table := range []*Table{a, b} {
		table.Start(r.Redis(), testBox(t), func(err error) { t.Error(err) })
		t.Cleanup(table.Close)
	}
	for range 16 { // with fifteen, what decays meanwhile is missing
		a.Note(bad, Attack)
	}
	if got := <-banned; got.String() != "192.0.2.66/32" {
		t.Error(got)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		// The ban is somebody else's to keep: the score is just below it, so that the next fault after it is one too many.
		if la, lb := a.Level(bad), b.Level(bad); la == Challenged && lb == Challenged {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(la, a.Score(bad), lb, b.Score(bad))
		}
	}
	a.Note(neighbour, Attack)
	a.Close() // tells what it knows
	late := fleet(t, s, 1, nil)[0]
	talk(t, late)
	if !near(late.Score(neighbour), 10) {
		t.Error(late.Score(neighbour))
	}
	select {
	case p := <-banned:
		t.Error(p, "was banned again")
	default:
	}
	var none *Table
	none.Close()
}

func FuzzValue(f *testing.F) {
	f.Add(string(clientBytes(nil, netip.PrefixFrom(bad, 32))), "10.5 1700000000000000 3 0")
	f.Add("uvillain", "1e3 0 0 0")
	f.Add("c", "x")
	f.Fuzz(func(t *testing.T, who, text string) {
		v, err := parseValue(who, text)
		if err != nil {
			return
		}
		table := New(Rules{Config: Defaults()}, time.Now)
		table.take(v, time.Now().UnixMicro(), true, table.rules.Load())
		table.Status(10)
	})
}

// testBox is the one of a fleet.
func testBox(t interface{ Fatal(...any) }) *store.Box {
	box, err := store.NewBox(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// Redis is told nobody's address or id, and takes nothing from whoever writes into it.
func TestScoresAreOfNobodyThatRedisKnows(t *testing.T) {
	box := testBox(t)
	who := string(clientBytes(nil, netip.MustParsePrefix("192.0.2.7/32")))
	mark := box.Mark(who, place)
	if strings.Contains(mark, who[1:]) || mark != box.Mark(who, place) || mark == box.Mark(who, "elsewhere") {
		t.Errorf("%q", mark)
	}
	for _, forged := range []string{who, "", mark[:len(mark)-1], mark[:len(mark)-1] + string([]byte{mark[len(mark)-1] ^ 1}), box.Mark(who, "elsewhere")} {
		if got, err := box.Unmark(forged, place); err == nil {
			t.Errorf("%q is taken for %q", forged, got)
		}
	}
}
