package limit

import (
	"cmp"
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// model is a reference of all that limits do, written another way than they are: rates as the continuous-state leaky bucket, the other form of the
// algorithm in ITU-T I.371, where each unit fills the bucket by the interval, which leaks one a microsecond; quotas as a count with the date
// that ends it; leases as a list.
type model struct {
	buckets map[string]leaky
	quotas  map[string]used
	leases  map[string]map[Lease]int64
}

type leaky struct{ level, at int64 }

type used struct {
	units int64
	until time.Time
}

func newModel() *model {
	return &model{map[string]leaky{}, map[string]used{}, map[string]map[Lease]int64{}}
}

func modelName(c *Charge) string {
	l := c.Zone.Limit
	return strings.Join([]string{c.Zone.Name, string(c.Subject[:]), string('0' + rune(l.kind)), string('0' + rune(l.period))}, "/")
}

func periodEnd(p Period, now int64) time.Time {
	y, m, d := time.UnixMicro(now).UTC().Date()
	if p == Day {
		return time.Date(y, m, d, 24, 0, 0, 0, time.UTC)
	}
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 1, 0)
}

// level is what counts of a key now, and the time until it is nothing.
func (m *model) level(c *Charge, now int64) (level, reset int64) {
	l, name := c.Zone.Limit, modelName(c)
	switch l.kind {
	case Rate:
		b := m.buckets[name]
		level = min(max(0, b.level-(now-b.at)), 2*l.interval*l.Burst)
		return level, level
	case Quota:
		end := periodEnd(l.period, now)
		if u := m.quotas[name]; !u.until.Before(end) {
			level = min(u.units, 2*l.Burst)
		}
		return level, end.UnixMicro() - now
	}
	for lease, until := range m.leases[name] {
		if until <= now {
			delete(m.leases[name], lease)
		}
	}
	return int64(len(m.leases[name])), 0
}

func (m *model) put(c *Charge, level, now int64) {
	l, name := c.Zone.Limit, modelName(c)
	switch {
	case level == 0: // forgotten, even if the clock is set back then
		delete(m.buckets, name)
		delete(m.quotas, name)
	case l.kind == Rate:
		m.buckets[name] = leaky{level, now}
	default:
		m.quotas[name] = used{level, periodEnd(l.period, now)}
	}
}

func (m *model) hold(c *Charge, now int64) {
	if m.leases[modelName(c)] == nil {
		m.leases[modelName(c)] = map[Lease]int64{}
	}
	m.leases[modelName(c)][c.Lease] = now + c.Zone.Limit.expiry
}

// wait is the time until a charge is admitted.
func (m *model) wait(c *Charge, now int64) int64 {
	l := c.Zone.Limit
	level, reset := m.level(c, now)
	cost := max(1, c.Cost)
	if l.kind == Concurrent {
		cost = 1
		if _, held := m.leases[modelName(c)][c.Lease]; held && l.Burst > 0 {
			return 0
		}
	}
	switch {
	case cost > l.Burst:
		return -1
	case l.kind == Rate:
		return max(0, level+cost*l.interval-l.Burst*l.interval)
	case level+cost <= l.Burst:
		return 0
	case l.kind == Quota:
		return reset
	}
	first := int64(1) << 62
	for _, until := range m.leases[modelName(c)] {
		first = min(first, until-now)
	}
	return first
}

// ask says what Take and Peek must, and charges where take.
func (m *model) ask(charges []Charge, now int64, take bool) (ok bool, results []Result) {
	waits := make([]int64, len(charges))
	ok = true
	for i := range charges {
		waits[i] = m.wait(&charges[i], now)
		ok = ok && (waits[i] == 0 || charges[i].Zone.Shadow)
	}
	for i := range charges {
		c := &charges[i]
		l := c.Zone.Limit
		level, reset := m.level(c, now)
		r := Result{Refused: waits[i] != 0 && !c.Zone.Shadow, Shadowed: waits[i] != 0 && c.Zone.Shadow, Wait: micros(waits[i])}
		if waits[i] < 0 {
			r.Wait = -1
		}
		if ok && take && waits[i] == 0 {
			r.Charged = max(1, c.Cost)
			if l.kind == Concurrent {
				r.Charged = 1
				m.hold(c, now)
			} else {
				m.put(c, level+r.Charged*max(1, l.interval), now)
			}
			level, reset = m.level(c, now)
		}
		switch {
		case l.Burst == 0:
		case l.kind == Rate:
			r.Remaining = max(0, l.Burst*l.interval-level) / l.interval
		default:
			r.Remaining = max(0, l.Burst-level)
		}
		r.Reset = micros(reset)
		results = append(results, r)
	}
	return ok, results
}

// settle is what the other operations do.
func (m *model) settle(op byte, c *Charge, now, taken int64) {
	l, name := c.Zone.Limit, modelName(c)
	level, _ := m.level(c, now)
	cost := max(1, c.Cost)
	switch {
	case l.kind == Concurrent && op == opRefund:
		delete(m.leases[name], c.Lease)
	case l.kind == Concurrent && op == opRenew:
		m.hold(c, now)
	case l.kind == Concurrent || op == opRenew || l.Burst == 0:
	case op == opDebit:
		m.put(c, min(level+cost*l.interval, 2*l.Burst*l.interval), now)
	case level == 0:
	case l.kind == Rate:
		m.put(c, max(0, level-min(c.Result.Charged*l.interval, c.Result.Reset.Microseconds()-(now-taken))), now)
	case m.quotas[name].until.Equal(time.UnixMicro(taken).Add(c.Result.Reset)):
		m.put(c, max(0, level-c.Result.Charged), now)
	}
}

// counter is who counts: a Memory, or the script in Redis.
type counter interface {
	set(now int64)
	back() bool // whether the clock may be set back
	take([]Charge) bool
	do(op byte, charges []Charge)
}

func drawLimit(t *rapid.T) Limit {
	var l Limit
	var err error
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		l, err = NewQuota(rapid.Int64Range(0, 9).Draw(t, "quota"), Day)
	case 1:
		l, err = NewQuota(rapid.Int64Range(0, 30).Draw(t, "quota"), Month)
	case 2, 3:
		l, err = NewConcurrent(rapid.Int64Range(0, 4).Draw(t, "leases"), time.Duration(rapid.Int64Range(1, 60_000).Draw(t, "expiry"))*time.Millisecond)
	default:
		l, err = New(rapid.Int64Range(0, 50).Draw(t, "count"), time.Duration(rapid.Int64Range(1, 5000).Draw(t, "ms"))*time.Millisecond, rapid.Int64Range(1, 12).Draw(t, "burst"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// steps of the clock: none, some microseconds, some of a burst, some of a day, over the ends of months, and back.
var steps = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 3), rapid.Int64Range(0, 200_000), rapid.Int64Range(0, 20_000_000),
	rapid.Int64Range(0, 90_000_000_000), rapid.Int64Range(0, 40*dayLength), rapid.Int64Range(-2_000_000, -1))

// take is one that may be given back.
type take struct {
	charges []Charge
	at      int64
}

// schedule runs a random schedule on a counter and on the model.
func schedule(t *rapid.T, who counter) {
	zones := make([]*Zone, 4)
	for i := range zones {
		zones[i] = &Zone{Name: string(rune('a' + i)), Limit: drawLimit(t), Shadow: rapid.IntRange(0, 4).Draw(t, "shadow") == 0}
	}
	m := newModel()
	start := rapid.Int64Range(0, 80*365).Draw(t, "day")*dayLength + 1_577_836_800_000_000 // from 2020 on
	now := start
	var taken []take
	for range rapid.IntRange(1, 80).Draw(t, "steps") {
		step := steps.Draw(t, "step")
		if step < 0 && !who.back() {
			step = 0
		}
		now = max(start, now+step)
		who.set(now)
		switch op := rapid.SampledFrom([]byte("TTTTTTRRDNPL")).Draw(t, "op"); op {
		case 'L': // a reload changes a limit
			i := rapid.IntRange(0, len(zones)-1).Draw(t, "zone")
			z := *zones[i]
			z.Limit = drawLimit(t)
			zones[i] = &z
		case opTake, opPeek:
			charges := drawCharges(t, zones)
			wantOK, want := m.ask(charges, now, op == opTake)
			ok := wantOK
			if op == opTake {
				ok = who.take(charges)
			} else {
				who.do(opPeek, charges)
			}
			if ok != wantOK {
				t.Fatalf("at %d: allowed %t, the model says %t", now, ok, wantOK)
			}
			for i := range charges {
				if charges[i].Result != want[i] {
					t.Fatalf("at %d, %c, %s %+v: %+v, the model says %+v", now, op, charges[i].Zone.Name, charges[i].Zone.Limit, charges[i].Result, want[i])
				}
			}
			if ok && op == opTake {
				taken = append(taken, take{charges, now})
			}
		case opDebit:
			charges := drawCharges(t, zones)
			who.do(op, charges)
			for i := range charges {
				m.settle(op, &charges[i], now, now)
			}
		case opRefund, opRenew:
			if len(taken) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(taken)-1).Draw(t, "of")
			var due []Charge
			for _, c := range taken[i].charges {
				if c.Result.Charged > 0 && (op == opRefund && c.credit(now) > 0 || op == opRenew && c.Zone.Limit.kind == Concurrent) {
					due = append(due, c)
					m.settle(op, &c, now, taken[i].at)
				}
			}
			if len(due) > 0 {
				who.do(op, due)
			}
			if op == opRefund {
				taken = append(taken[:i], taken[i+1:]...)
			}
		}
	}
}

func drawCharges(t *rapid.T, zones []*Zone) []Charge {
	var charges []Charge
	for i, z := range zones {
		if !rapid.Bool().Draw(t, "zone") && i > 0 {
			continue
		}
		c := Charge{Zone: z, Subject: NewSubject(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "who"))}
		c.Cost = rapid.SampledFrom([]int64{0, 1, 1, 1, 2, 3, 5, 20}).Draw(t, "cost")
		c.Lease[0] = rapid.Byte().Draw(t, "lease") % 8
		charges = append(charges, c)
	}
	return charges
}

// check tries a hundred schedules.
func check(t *testing.T, try func(*rapid.T)) { checkHundreds(t, 1, try) }

// checkHundreds tries so many hundred schedules, or as many as there is time for by GW_CAMPAIGN.
func checkHundreds(t *testing.T, hundreds int, try func(*rapid.T)) {
	t.Helper()
	length, err := time.ParseDuration(cmp.Or(os.Getenv("GW_CAMPAIGN"), "0s"))
	if err != nil {
		t.Fatal(err)
	}
	rounds := 0
	for end := time.Now().Add(length); rounds < hundreds || time.Now().Before(end); rounds++ {
		if rapid.Check(t, try); t.Failed() {
			return
		}
	}
	t.Logf("%d rounds of %s seeds", rounds, flag.Lookup("rapid.checks").Value)
}

type memoryCounter struct {
	*Memory
	clock *time.Time
}

func (m memoryCounter) set(now int64)        { *m.clock = time.UnixMicro(now) }
func (m memoryCounter) back() bool           { return false } // it is monotonic
func (m memoryCounter) take(c []Charge) bool { return m.Take(c) }

func TestMemoryIsTheModel(t *testing.T) {
	checkHundreds(t, 10, func(t *rapid.T) {
		clock := time.UnixMicro(1_577_836_800_000_000)
		schedule(t, memoryCounter{NewMemory(0, func() time.Time { return clock }), &clock})
	})
}

type scriptCounter struct {
	*redisCounter
	t     *rapid.T
	clock *int64
}

func (s scriptCounter) set(now int64) {
	*s.clock = now
	if err := s.client.MSet(context.Background(), "sec", now/1_000_000, "usec", now%1_000_000).Err(); err != nil {
		s.t.Fatal(err)
	}
}

func (s scriptCounter) back() bool { return true }

func (s scriptCounter) take(c []Charge) bool {
	ok, err := s.redisCounter.take(context.Background(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return ok
}

func (s scriptCounter) do(op byte, c []Charge) {
	if err := s.each(context.Background(), op, c); err != nil {
		s.t.Fatal(err)
	}
}

// clocked is the script as it is, but for its clock, which the test sets, and the expiry, which would go by the real one.
func clocked(t *testing.T) *redis.Script {
	t.Helper()
	with := source
	for old, new := range map[string]string{"redis.call('TIME')": "redis.call('MGET', 'sec', 'usec')", "local slack = 10\n": "local slack = 1e9\n"} {
		if strings.Count(with, old) != 1 {
			t.Fatalf("the script has no %q to replace", old)
		}
		with = strings.Replace(with, old, new, 1)
	}
	return redis.NewScript(with)
}

func TestScriptIsTheModel(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	script := clocked(t)
	checkHundreds(t, 3, func(t *rapid.T) {
		if err := c.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		now := int64(0)
		r := newRedisCounter(c, func() int64 { return now })
		r.script = script
		schedule(t, scriptCounter{r, t, &now})
	})
}
