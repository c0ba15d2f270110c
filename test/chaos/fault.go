package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/convosphere/gateway/test/kit"
)

// fault is something that goes wrong between the gateways and their Redis.
type fault struct {
	name  string
	away  bool // Redis can't be asked within its time
	begin func(*between) error
	end   func(*between) error
}

// faults that the table has. What holds no name of a toxic is done to the proxy, or to Redis itself.
var faults = []fault{
	{name: "none"},
	toxic("latency of 5 ms", false, `{"type":"latency","attributes":{"latency":5}}`),
	toxic("latency of 200 ms", true, `{"type":"latency","attributes":{"latency":200}}`),
	toxic("cut, each connection is reset", true, `{"type":"reset_peer","attributes":{"timeout":0}}`),
	{name: "gone, connections are refused", away: true, begin: (*between).close, end: (*between).open},
	toxic("blackhole, accepts and never answers", true, `{"type":"timeout","attributes":{"timeout":0}}`),
	{name: "slow close, Redis hangs up unheard", begin: (*between).hangUp, end: (*between).heal},
	{name: "scripts forgotten (SCRIPT FLUSH)", begin: (*between).forget},
}

func toxic(name string, away bool, attributes string) fault {
	return fault{name: name, away: away, begin: func(b *between) error { return b.add(attributes) }, end: (*between).heal}
}

// between is what stands between gateways and Redis.
type between struct {
	proxy *toxiproxy.Proxy
	redis *kit.Redis
	own   *redis.Client // straight to Redis
}

func startBetween(t kit.T) *between {
	t.Helper()
	r := kit.StartRedis(t)
	return &between{proxy: startProxy(t, r.Addr), redis: r, own: r.Client(t)}
}

// startProxy stands before addr, and lets all through as yet.
func startProxy(t kit.T, addr string) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "redis", kit.FreeAddr(t), addr)
	if err := p.Start(); err != nil {
		t.Fatalf("starting the proxy: %v", err)
	}
	t.Cleanup(p.Stop)
	return p
}

// delayed is a proxy before addr, whose answers come later, and not at all once it is stopped.
func delayed(t kit.T, addr string, lag time.Duration) *toxiproxy.Proxy {
	t.Helper()
	p := startProxy(t, addr)
	toxic := fmt.Sprintf(`{"type":"latency","attributes":{"latency":%d}}`, lag.Milliseconds())
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatalf("slowing the proxy down: %v", err)
	}
	return p
}

// url leads to Redis through the proxy.
func (b *between) url() string {
	return strings.Replace(b.redis.URL(), b.redis.Addr, b.proxy.Listen, 1)
}

func (b *between) add(toxic string) error {
	_, err := b.proxy.Toxics.AddToxicJson(strings.NewReader(toxic))
	return err
}

func (b *between) heal() error {
	b.proxy.Toxics.ResetToxics(context.Background())
	return nil
}

func (b *between) close() error {
	b.proxy.Stop()
	return nil
}

func (b *between) open() error { return b.proxy.Start() }

// hangUp has Redis close all connections, of which the gateways hear two seconds later.
func (b *between) hangUp() error {
	if err := b.add(`{"type":"slow_close","attributes":{"delay":2000}}`); err != nil {
		return err
	}
	return b.own.ClientKillByFilter(context.Background(), "TYPE", "normal", "SKIPME", "yes").Err()
}

func (b *between) forget() error { return b.own.ScriptFlush(context.Background()).Err() }

// Each way to go on without Redis has a limit and clients of its own.
var (
	policies  = []string{"local", "open", "closed"}
	forPolicy = rate{100, time.Second, 20}
)

const perPolicy = 8 // clients, a hundred requests a second each

func policyZones() string {
	var b strings.Builder
	for _, p := range policies {
		fmt.Fprintf(&b, "\t\t\tzone %[1]s {\n\t\t\t\tmatch /%[1]s\n\t\t\t\tkey global\n\t\t\t\t%[2]s\n\t\t\t\ton_failure %[1]s\n\t\t\t}\n", p, forPolicy.lines())
	}
	return b.String()
}

// Outcome is what clients saw of one fault, under one way to go on.
type Outcome struct {
	Fault, Policy                 string
	Away                          bool
	Elapsed                       time.Duration // of the fault
	Sent, Admitted, Refused       int
	Unavailable, Failed           int
	Allowed                       int // by a limit that is counted in one place
	Median, Late, Longest         time.Duration
	Requests, Asked, Errors       int // of all three ways together: requests, questions to Redis, and those that failed
	errs                          []error
	Back                          time.Duration // from the fault's end until all gateways count in Redis again
	TotalAdmitted, TotalAllowed   int           // from before the fault until all was well again
	TotalUnavailable, TotalFailed int
}

// Faults does one fault after another to gateways under load, and tells of each.
func Faults(t kit.T, lasting time.Duration) (all []Outcome) {
	t.Helper()
	b := startBetween(t)
	running := startNodes(t, nodes, "redis "+b.url(), policyZones())
	for _, f := range faults {
		all = append(all, f.run(t, b, running, lasting)...)
	}
	return all
}

// run lets the clients ask before, while and after.
func (f fault) run(t kit.T, b *between, running []*Node, lasting time.Duration) []Outcome {
	t.Helper()
	start := clock(t, b.own)
	before := ask(running, lasting/3)
	asked, failed := metrics(t, running, "gateway_rate_limit_store_seconds_count"), metrics(t, running, "gateway_rate_limit_store_errors_total")
	from := clock(t, b.own)
	b.apply(t, f.name, f.begin)
	during := ask(running, lasting)
	elapsed := clock(t, b.own).Sub(from)
	asked, failed = metrics(t, running, "gateway_rate_limit_store_seconds_count")-asked, metrics(t, running, "gateway_rate_limit_store_errors_total")-failed
	b.apply(t, f.name, f.end)
	ended := time.Now()
	after := recovering(t, running)
	back := time.Since(ended)
	whole := clock(t, b.own).Sub(start)

	requests := 0
	for _, d := range during {
		requests += d.sent()
	}
	var all []Outcome
	for i, p := range policies {
		d := during[i]
		o := Outcome{
			Fault: f.name, Policy: p, Away: f.away, Elapsed: elapsed, Sent: d.sent(), Admitted: d.admitted, Refused: d.refused,
			Unavailable: d.unavailable, Failed: d.failed, Allowed: forPolicy.allows(elapsed), Median: d.at(50), Late: d.at(99), Longest: d.at(100),
			Requests: requests, Asked: int(asked), Errors: int(failed), errs: d.errs, Back: back, TotalAllowed: forPolicy.allows(whole),
		}
		for _, part := range []*tally{before[i], during[i], after[i]} {
			o.TotalAdmitted, o.TotalUnavailable, o.TotalFailed = o.TotalAdmitted+part.admitted, o.TotalUnavailable+part.unavailable, o.TotalFailed+part.failed
		}
		all = append(all, o)
	}
	return all
}

func (b *between) apply(t kit.T, name string, do func(*between) error) {
	t.Helper()
	if do == nil {
		return
	}
	if err := do(b); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// ask sends the load of all three for a while.
func ask(running []*Node, lasting time.Duration) (all [3]*tally) {
	ctx, cancel := context.WithTimeout(context.Background(), lasting)
	defer cancel()
	var asking sync.WaitGroup
	for i, p := range policies {
		asking.Go(func() { all[i] = load{running, perPolicy, "/" + p, 10 * time.Millisecond}.run(ctx) })
	}
	asking.Wait()
	return all
}

// recovering asks until each gateway has decided by Redis again, several times over.
func recovering(t kit.T, running []*Node) (all [3]*tally) {
	t.Helper()
	for i := range all {
		all[i] = &tally{}
	}
	byRedis := func(n *Node) float64 { return n.metric(t, "gateway_rate_limit_requests_total", `source="redis"`) }
	var before []float64
	for _, n := range running {
		before = append(before, byRedis(n))
	}
	kit.Eventually(t, time.Minute, "decisions by Redis again", func() bool {
		for i, part := range ask(running, 250*time.Millisecond) {
			all[i].add(*part)
		}
		for i, n := range running {
			if byRedis(n) < before[i]+10 {
				return false
			}
		}
		return true
	})
	return all
}

// Heading is the first line of the table of outcomes.
const Heading = "fault\ton failure\tsent\tadmitted\tby one limit\t429\t503\tno answer\tp50\tp99\tlongest\tRedis asked\tfailed\tback after\t"

// String is a line of it.
func (o Outcome) String() string {
	return fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f ms\t%.1f ms\t%.0f ms\t%d\t%d\t%.1f s\t", o.Fault, o.Policy, o.Sent, o.Admitted, o.Allowed,
		o.Refused, o.Unavailable, o.Failed, millis(o.Median), millis(o.Late), millis(o.Longest), o.Asked, o.Errors, o.Back.Seconds())
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
