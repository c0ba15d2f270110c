package limit

import (
	"sync"
	"time"
)

const (
	maxPools  = 32_768      // keys with a pool at once; beyond it a leased zone is asked exactly
	keep      = time.Second // how long tokens that nobody uses are kept
	leaseMost = 1000        // default of Zone.Lease, at most
	leasePart = 20          // and at most this part of the burst
)

// Fate is what became of leased tokens. What was taken and is neither returned nor wasted was used, or soon will be.
type Fate uint8

const (
	Taken    Fate = iota
	Returned      // given back to Redis in time
	Wasted        // could not be given back
)

// pools hold the tokens that this process has taken in Redis and not used yet.
//
// A key gets some when it is asked again within a second: first 1, then 3, 7 and so on to the zone's lease, never more than half of this
// node's part of what is left. So a limit that is nearly spent is counted exactly, a key that is asked once takes nothing, and tokens
// that nobody uses go back after a second.
//
// Every token is charged in Redis before it is used, so over all time nothing is admitted that Redis did not admit. In any stretch of time at most
// those tokens are admitted beyond the limit that were held when it began: a lease for each node.
type pools struct {
	shards [16]struct {
		mu sync.Mutex
		m  map[poolKey]*pool
	}
	closed bool // by all shards' locks: nobody sweeps any more, so nothing is taken in advance
}

type poolKey struct {
	subject Subject
	zone    zoneName
	limit   Limit
}

type pool struct {
	zone   *Zone
	tokens int64
	batch  int64         // to be taken beside what is asked, the next time
	until  int64         // when the tokens go back
	asked  int64         // when Redis was asked last
	left   int64         // units that were left there
	reset  int64         // the time until all are, as it was then
	end    int64         // as in receipt
	fetch  chan struct{} // closed when the request that takes tokens is back; nil: none is under way
}

func newPools() *pools {
	p := new(pools)
	for i := range p.shards {
		p.shards[i].m = map[poolKey]*pool{}
	}
	return p
}

// leased tells whether the zone is counted by tokens. What is tried in the shadow, and what is held and not spent, is counted exactly.
func (z *Zone) leased() bool {
	return z.Mode == Leased && !z.Shadow && z.Limit.kind != Concurrent && z.lease() > 0
}

// lease is the most tokens that a process holds of a key.
func (z *Zone) lease() int64 {
	if z.Lease > 0 {
		return min(z.Lease, z.Limit.Burst)
	}
	return min(z.Limit.Burst/leasePart, leaseMost)
}

func (p *pools) of(c *Charge) (poolKey, *sync.Mutex, map[poolKey]*pool) {
	s := &p.shards[c.Subject[0]%uint8(len(p.shards))]
	return poolKey{c.Subject, nameOf(c), c.Zone.Limit}, &s.mu, s.m
}

// take uses tokens. Where there are too few it tells, if more are under way, when they are there.
func (p *pools) take(c *Charge, now int64) (ok bool, wait <-chan struct{}) {
	k, mu, m := p.of(c)
	mu.Lock()
	defer mu.Unlock()
	h := m[k]
	if h == nil {
		return false, nil
	}
	if h.tokens < c.cost() || now >= h.until {
		return false, h.fetch
	}
	h.tokens -= c.cost()
	since := now - h.asked
	c.Result = Result{Remaining: h.remaining(c.Zone.Limit, since), Reset: micros(max(0, h.reset-since)), Charged: c.cost()}
	c.receipt = receipt{at: now, end: h.end, redis: true}
	return true, nil
}

// remaining is what the key has here and, as far as is known, there.
func (h *pool) remaining(l Limit, since int64) int64 {
	there := h.left
	if l.kind == Rate {
		there += since / l.interval
	}
	return min(h.tokens+there, l.Burst)
}

// claim says how many tokens the request should take beside its own. The one that takes some brings them with deposit.
func (p *pools) claim(c *Charge, now, nodes int64) int64 {
	k, mu, m := p.of(c)
	mu.Lock()
	defer mu.Unlock()
	h := m[k]
	if h == nil || h.fetch != nil || p.closed {
		return 0
	}
	extra := min(h.batch, c.Zone.lease()-h.tokens, h.remaining(c.Zone.Limit, now-h.asked)/(2*nodes)-c.cost())
	if extra <= 0 {
		return 0
	}
	h.fetch = make(chan struct{})
	return extra
}

// deposit ends a claim, and notes what Redis said. got is how many of the claimed tokens came.
func (p *pools) deposit(c *Charge, claimed, got, now int64) {
	k, mu, m := p.of(c)
	mu.Lock()
	defer mu.Unlock()
	h := m[k]
	if h == nil {
		if p.closed || len(m) >= maxPools/len(p.shards) {
			return
		}
		h = &pool{asked: now - keep.Microseconds()}
		m[k] = h
	}
	if claimed > 0 {
		close(h.fetch)
		h.fetch = nil
	}
	switch {
	case got < claimed || c.Result.Charged == 0:
		h.batch = 0
	case now-h.asked < keep.Microseconds():
		h.batch = min(2*h.batch+1, c.Zone.lease())
	default:
		h.batch /= 2
	}
	h.zone, h.asked = c.Zone, now
	h.left, h.reset = c.Result.Remaining, c.Result.Reset.Microseconds()
	if c.Result.Charged > 0 {
		h.end = c.receipt.end
	}
	if got > 0 {
		h.tokens += got
		h.until = now + keep.Microseconds()
		if c.Zone.Limit.kind == Quota { // a token is of its own day
			h.until = min(h.until, now+h.reset)
		}
	}
	c.Result.Remaining = h.remaining(c.Zone.Limit, 0)
}

// fail ends a claim whose question had no answer.
func (p *pools) fail(c *Charge, claimed int64) {
	if claimed == 0 {
		return
	}
	k, mu, m := p.of(c)
	mu.Lock()
	defer mu.Unlock()
	h := m[k] // a pool with a claim stays
	close(h.fetch)
	h.fetch, h.batch = nil, 0
}

// put brings back what take, or Redis, charged, as far as the lease has room for it.
func (p *pools) put(c *Charge, now int64) bool {
	k, mu, m := p.of(c)
	mu.Lock()
	defer mu.Unlock()
	h := m[k]
	if h == nil || p.closed || now >= h.until || c.Zone.Limit.kind == Quota && h.end != c.receipt.end || h.tokens+c.Result.Charged > c.Zone.lease() {
		return false
	}
	h.tokens += c.Result.Charged
	return true
}

// sweep takes out the tokens that were kept long enough, all where the process ends, as charges to be refunded. Pools that are cold go.
func (p *pools) sweep(now int64, all bool) (back []Charge) {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		for k, h := range s.m {
			if h.tokens > 0 && (all || now >= h.until) {
				back = append(back, Charge{
					Zone: h.zone, Subject: k.subject, receipt: receipt{at: h.asked, end: h.end, redis: true},
					Result: Result{Charged: h.tokens, Reset: micros(h.reset)},
				})
				h.tokens, h.batch = 0, h.batch/2
			}
			if h.tokens == 0 && h.fetch == nil && now-h.asked > keep.Microseconds() {
				delete(s.m, k)
			}
		}
		s.mu.Unlock()
	}
	return back
}

// close lets nothing more be taken in advance.
func (p *pools) close() {
	for i := range p.shards {
		p.shards[i].mu.Lock()
	}
	p.closed = true
	for i := range p.shards {
		p.shards[i].mu.Unlock()
	}
}

// held counts the tokens here.
func (p *pools) held() (n int64) {
	for i := range p.shards {
		p.shards[i].mu.Lock()
		for _, h := range p.shards[i].m {
			n += h.tokens
		}
		p.shards[i].mu.Unlock()
	}
	return n
}
