package abuse

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Unix(1e9, 0)} }

var (
	bad       = netip.MustParseAddr("192.0.2.66")
	neighbour = netip.MustParseAddr("192.0.2.67")
)

// changes records what a table tells.
type changes struct {
	mu   sync.Mutex
	list []string
}

func (c *changes) note(ch Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := ch.User
	if ch.Client.IsValid() {
		who = ch.Client.String()
	}
	c.list = append(c.list, fmt.Sprintf("%s %s>%s", who, ch.From, ch.To))
}

func table(t *testing.T, change func(*Rules)) (*Table, *clock, *changes) {
	t.Helper()
	c, told := newClock(), new(changes)
	r := Rules{Config: Defaults(), Changed: told.note}
	if change != nil {
		change(&r)
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return New(r, c.time), c, told
}

func TestLevels(t *testing.T) {
	table, clock, told := table(t, nil)
	is := func(a netip.Addr, want Level) {
		t.Helper()
		if got := table.Level(a); got != want {
			t.Errorf("%s is %s at %g, want %s", a, got, table.Score(a), want)
		}
	}
	is(bad, None)
	for i, want := range []Level{None, Tight, Tight, Tight, Challenged, Challenged} {
		table.Note(bad, Attack)
		if i == 0 {
			want = None
		}
		is(bad, want)
		is(neighbour, None)
	}
	clock.pass(10 * time.Minute) // 60 has become 30: it stays no longer challenged, since that ends at 37.5
	is(bad, Tight)
	clock.pass(10 * time.Minute) // 15 is three quarters of 20
	is(bad, Tight)
	clock.pass(time.Minute)
	is(bad, None)
	for range 15 {
		table.Note(bad, Attack)
	}
	is(bad, Banned)
	is(neighbour, None)
	want := "[192.0.2.66/32 none>tight 192.0.2.66/32 tight>challenged 192.0.2.66/32 challenged>tight"
	if got := fmt.Sprint(told.list); len(got) < len(want) || got[:len(want)] != want {
		t.Error(got)
	}
	if last := told.list[len(told.list)-1]; last != "192.0.2.66/32 challenged>banned" {
		t.Error(told.list)
	}
}

// A flood of refusals is one fault a second; two gateways' clocks don't matter here.
func TestSpacedSignals(t *testing.T) {
	table, clock, _ := table(t, nil)
	for range 1000 {
		table.Note(bad, Limited)
		table.Note(bad, Token)
	}
	if s := table.Score(bad); s != 3 {
		t.Error(s)
	}
	for range 200 { // a client that keeps hammering ends up banned all the same
		clock.pass(time.Second)
		table.Note(bad, Limited)
	}
	if l := table.Level(bad); l != Banned {
		t.Errorf("%s at %g", l, table.Score(bad))
	}
}

func TestWhoHasNoScore(t *testing.T) {
	table, _, told := table(t, func(r *Rules) {
		r.Exempt = func(a netip.Addr) bool { return a == neighbour }
		r.Points[Challenge] = 0
	})
	for _, a := range []netip.Addr{{}, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("::ffff:127.0.0.9"), neighbour} {
		for range 100 {
			table.NoteUser(a, "u1", Attack)
		}
		if table.LevelOf(a, "u1") != None || table.Score(a) != 0 {
			t.Error(a)
		}
	}
	table.Note(bad, Challenge)
	table.Note(bad, signals)
	if table.Score(bad) != 0 || len(told.list) != 0 {
		t.Error(table.Score(bad), told.list)
	}
	var none *Table
	none.Note(bad, Attack)
	none.Seen(bad, "u1")
	none.Solved(bad)
	none.Use(Rules{})()
	if none.LevelOf(bad, "u1") != None || none.Score(bad) != 0 {
		t.Error("a table that is not there knows something")
	}
}

func TestAddressesAreGrouped(t *testing.T) {
	table, _, _ := table(t, nil)
	for i := range 5 {
		table.Note(netip.MustParseAddr("2001:db8:0:1::"+strconv.Itoa(i+1)), Attack)
	}
	table.Note(netip.MustParseAddr("::ffff:192.0.2.66"), Attack)
	for a, want := range map[string]float64{"2001:db8:0:1::ffff": 50, "2001:db8:0:2::1": 0, "192.0.2.66": 10, "::ffff:192.0.2.66": 10} {
		if got := table.Score(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %g, want %g", a, got, want)
		}
	}
}

// One bad person behind an address that many share: the crowd does not pay for it.
func TestCrowds(t *testing.T) {
	table, clock, _ := table(t, nil)
	for i := range 4 {
		table.Seen(bad, "good"+strconv.Itoa(i))
		table.Seen(bad, "good"+strconv.Itoa(i))
	}
	for range 10 { // 100 points would challenge one who is alone
		table.Note(bad, Attack)
	}
	if l, s := table.Level(bad), table.Score(bad); l != Tight || s != 20 {
		t.Error(l, s)
	}
	// What a signed-in person does counts for that person first.
	for range 6 {
		table.NoteUser(neighbour, "villain", Attack)
	}
	if table.LevelOf(neighbour, "villain") != Challenged || table.LevelOf(neighbour, "other") != None {
		t.Error(table.LevelOf(neighbour, "villain"), table.LevelOf(neighbour, "other"), table.Score(neighbour))
	}
	for range 20 {
		table.NoteUser(neighbour, "villain", Attack)
	}
	if l := table.LevelOf(netip.MustParseAddr("198.51.100.1"), "villain"); l != Challenged {
		t.Errorf("a person is %s, elsewhere too", l)
	}
	// Who misbehaves speaks for nobody, and nobody speaks for more than seven, nor for longer than an hour.
	before := table.Score(neighbour)
	table.Seen(neighbour, "villain")
	if table.Score(neighbour) != before {
		t.Error("a villain stands in for a crowd")
	}
	for i := range 50 {
		table.Seen(neighbour, strconv.Itoa(i))
	}
	if got := table.Score(neighbour); got != before/8 {
		t.Error(got, before)
	}
	clock.pass(time.Hour)
	table.Seen(neighbour, "0")
	clock.pass(time.Hour)
	if p, _ := client(neighbour); table.crowd.people(p) > 1 {
		t.Error(table.crowd.people(p))
	}
}

func TestSolved(t *testing.T) {
	table, clock, _ := table(t, nil)
	note := func(n int) {
		for range n {
			table.Note(bad, Attack)
		}
	}
	note(10)
	table.Solved(bad)
	if l, s := table.Level(bad), table.Score(bad); l != Tight || s >= 37.5 {
		t.Error(l, s)
	}
	note(2)
	if l := table.Level(bad); l != Challenged {
		t.Error("who goes on as before need not solve another:", l)
	}
	before := table.Score(bad)
	table.Solved(bad)
	if table.Score(bad) != before {
		t.Error("puzzles pay for attacks")
	}
	clock.pass(10 * time.Minute)
	table.Solved(bad)
	if s := table.Score(bad); s > before/4+0.01 {
		t.Error(s)
	}
	table.Solved(neighbour)
	table.Solved(netip.Addr{})
}

func TestRulesInUse(t *testing.T) {
	table, _, _ := table(t, nil)
	for range 3 {
		table.Note(bad, Attack)
	}
	use := func(tight float64) func() {
		r := Rules{Config: Defaults()}
		r.Tight = tight
		return table.Use(r)
	}
	first := use(10)
	second := use(40) // a new configuration
	if table.Level(bad) != None && table.Level(neighbour) != None {
		t.Error("the new rules are not in force")
	}
	second() // whose start failed
	if table.Level(bad) != Tight {
		t.Error("the rules before are not in force again")
	}
	third := use(45)
	first() // a good reload ends the old one after
	if r := table.rules.Load(); r.Tight != 45 {
		t.Error(r.Tight)
	}
	third()
	if r := table.rules.Load(); r.Tight != 45 {
		t.Error("no rules are left")
	}
}

// However many addresses come by, memory has a bound, and who misbehaves most is remembered.
func TestTableIsBounded(t *testing.T) {
	table, _, _ := table(t, nil)
	table.max = 8
	for range 4 {
		table.Note(bad, Attack)
	}
	for i := range 20_000 {
		table.Note(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Limited)
	}
	n := 0
	for i := range table.parts {
		n += len(table.parts[i].entries)
	}
	if n > 8*shards {
		t.Errorf("%d entries", n)
	}
	if table.Score(bad) != 40 {
		t.Error("the worst was forgotten", table.Score(bad))
	}
	for i := range 5 * perGeneration {
		table.Seen(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), "u")
	}
	if n := len(table.crowd.young) + len(table.crowd.old); n > 2*perGeneration {
		t.Errorf("%d groups", n)
	}
}

func TestConfig(t *testing.T) {
	for name, break_ := range map[string]func(*Config){
		"negative points": func(c *Config) { c.Points[Attack] = -1 },
		"no half-life":    func(c *Config) { c.HalfLife = 0 },
		"not rising":      func(c *Config) { c.Challenge = c.Tight },
		"negative":        func(c *Config) { c.Tight = -1 },
		"no time":         func(c *Config) { c.First = 0 },
		"shorter":         func(c *Config) { c.Longest = c.First - 1 },
	} {
		c := Defaults()
		break_(&c)
		if c.Check() == nil {
			t.Error(name)
		}
	}
	c := Defaults()
	c.Tight, c.Ban, c.First = 0, 0, 0
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c = Defaults()
	for before, want := range []time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		if got := c.BanFor(before); got != want {
			t.Errorf("ban %d lasts %s, want %s", before+1, got, want)
		}
	}
	if c.BanFor(1<<40) != c.Longest {
		t.Error("many bans")
	}
}

func BenchmarkLevel(b *testing.B) {
	table := New(Rules{Config: Defaults()}, time.Now)
	for i := range 100_000 {
		table.Note(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), Limited)
	}
	known := netip.AddrFrom4([4]byte{10, 0, 0, 7})
	for name, a := range map[string]netip.Addr{"unknown": bad, "known": known} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.LevelOf(a, "01JABCDEFGHJKMNPQRSTVWXYZ")
			}
		})
	}
}

// What every request asks costs it no memory.
func TestLevelAllocatesNothing(t *testing.T) {
	table, _, _ := table(t, nil)
	for range 3 {
		table.NoteUser(bad, "villain", Attack)
	}
	for name, f := range map[string]func(){
		"level":  func() { table.LevelOf(bad, "villain") },
		"nobody": func() { table.LevelOf(neighbour, "01JABCDEFGHJKMNPQRSTVWXYZ") },
		"seen":   func() { table.Seen(neighbour, "good") },
		"note":   func() { table.Note(bad, Challenge) },
	} {
		f()
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s allocates %g times", name, n)
		}
	}
}
