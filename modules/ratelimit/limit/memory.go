package limit

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const mostShards = 64

// Memory counts in this process. It holds at most a fixed number of keys. Where a new one finds no room, the one that has the least to lose
// is forgotten, a key that is full again before all others. What was counted of it stays in a bucket that the zone's keys share by their hash, and
// a key that is not held begins with what its bucket says: nobody gets a limit anew by crowding others out, and a newcomer is charged
// at most for what the forgotten ones had spent.
type Memory struct {
	now     func() time.Time
	start   time.Time
	seed    maphash.Seed
	zones   zones
	buckets int // of each zone
	shards  []shard
	leases  atomic.Int64
	max     int64 // leases
}

type shard struct {
	mu    sync.Mutex
	table table
	held  map[key]*holders
	_     [16]byte // a cache line of its own
}

// NewMemory makes a memory for at most max keys, 0 means 1,000,000, of 33 bytes each, and as many leases. At least 16 keys are held.
func NewMemory(max int, now func() time.Time) *Memory {
	if max <= 0 {
		max = 1_000_000
	}
	n := mostShards
	for n > 1 && max/n < 4*ways {
		n /= 2
	}
	// The clock starts a window early, so that 0 is long ago.
	m := &Memory{now: now, start: now().Add(-longest), seed: maphash.MakeSeed(), shards: make([]shard, n), max: int64(max)}
	m.buckets = min(max, 64+max/64)
	for i := range m.shards {
		m.shards[i].table = newTable(max / n / ways)
		m.shards[i].held = map[key]*holders{}
	}
	return m
}

// moment reads the clock. Its steady part is monotonic: setting the machine's clock changes nothing.
func (m *Memory) moment() moment {
	now := m.now()
	return moment{steady: now.Sub(m.start).Microseconds(), calendar: now.UnixMicro()}
}

// micros is the steady part alone.
func (m *Memory) micros() int64 { return m.now().Sub(m.start).Microseconds() }

func (m *Memory) hash(k *key) uint64 {
	return maphash.Bytes(m.seed, k.subject[:]) ^ uint64(k.zone)*0x9e3779b97f4a7c15
}

// place is where one charge is counted.
type place struct {
	key   key
	hash  uint64
	shard *shard
	zone  *zoneInfo
	cell  *cell // nil: none
	level int64
	wait  int64
	known bool // the lease is held already
}

// locate finds the places of charges and locks their shards, which unlock undoes.
func (m *Memory) locate(charges []Charge, places []place) (_ []place, locked uint64) {
	for i := range charges {
		p := place{zone: m.zones.of(&charges[i])}
		p.key = key{charges[i].Subject, p.zone.id}
		p.hash = m.hash(&p.key)
		n := p.hash >> 58 % uint64(len(m.shards))
		locked |= 1 << n
		p.shard = &m.shards[n]
		places = append(places, p)
	}
	for set := locked; set != 0; set &= set - 1 { // in one order, so that no two wait for each other
		m.shards[bits.TrailingZeros64(set)].mu.Lock()
	}
	return places, locked
}

func (m *Memory) unlock(locked uint64) {
	for set := locked; set != 0; set &= set - 1 {
		m.shards[bits.TrailingZeros64(set)].mu.Unlock()
	}
}

// Take charges all or none.
func (m *Memory) Take(charges []Charge) bool { return m.ask(charges, true) }

// Peek tells what Take would.
func (m *Memory) Peek(charges []Charge) { m.ask(charges, false) }

func (m *Memory) ask(charges []Charge, take bool) bool {
	var space [8]place
	places, locked := m.locate(charges, space[:0])
	defer m.unlock(locked)
	now := m.moment()
	allowed := true
	for i := range places {
		c, p := &charges[i], &places[i]
		m.see(c, p, now)
		p.wait = m.wait(c, p, now)
		allowed = allowed && (p.wait == 0 || c.Zone.Shadow)
	}
	for i := range places {
		c, p := &charges[i], &places[i]
		taken := allowed && take && p.wait == 0
		if taken {
			m.charge(c, p, now)
		}
		l := c.Zone.Limit
		reset := int64(0)
		if l.kind != Concurrent {
			reset = l.reset(p.level, now)
		}
		c.tell(p.level, reset, p.wait)
		if taken {
			c.charged(receipt{at: now.steady, end: now.calendar + reset})
		}
	}
	return allowed
}

// see reads what is held of a charge's key. The shard is locked.
func (m *Memory) see(c *Charge, p *place, now moment) {
	if c.Zone.Limit.kind == Concurrent {
		m.sweep(p.shard, p.key, now)
		if h := p.shard.held[p.key]; h != nil {
			p.level = int64(len(h.list))
			_, p.known = h.at[c.Lease]
		}
		return
	}
	value := int64(0)
	if p.cell = p.shard.table.find(&p.key, p.hash); p.cell != nil {
		value = p.cell.value
	} else {
		value = p.zone.get(p.hash)
	}
	p.level = c.Zone.Limit.level(value, now)
}

// wait is the time until the charge is admitted.
func (m *Memory) wait(c *Charge, p *place, now moment) int64 {
	l := c.Zone.Limit
	if c.cost() > l.Burst {
		return -1
	}
	if l.kind != Concurrent {
		return l.wait(p.level, l.amount(c.cost()), l.reset(p.level, now))
	}
	if p.known {
		return 0
	}
	h := p.shard.held[p.key]
	switch {
	case p.level >= l.capacity:
		return h.list[0].until - now.steady
	case m.leases.Load() >= m.max: // fail closed: more in flight than this process could have
		return l.expiry
	}
	return 0
}

// charge takes what was asked. The shard is locked.
func (m *Memory) charge(c *Charge, p *place, now moment) {
	l := c.Zone.Limit
	if l.kind != Concurrent {
		m.write(c, p, p.level+l.amount(c.cost()), now)
	} else {
		m.hold(c, p, now)
	}
}

// write sets the level of a charge's key. The cell may have been moved by another charge of the same call.
func (m *Memory) write(c *Charge, p *place, level int64, now moment) {
	p.level = level
	value := c.Zone.Limit.value(level, now)
	if cell := p.shard.table.find(&p.key, p.hash); cell != nil {
		cell.value = value
		return
	}
	if last := p.zone.limit.Load(); last == nil || *last != c.Zone.Limit {
		l := c.Zone.Limit
		p.zone.limit.Store(&l)
	}
	lost, hash := p.shard.table.place(cell{p.key, value}, p.hash, m.hash, func(c *cell) float64 { return m.weight(c, now) })
	if lost.value != 0 {
		m.zones.byID(lost.zone).put(hash, lost.value, m.buckets)
	}
}

// weight is what a key would lose by being forgotten, as a part of its limit.
func (m *Memory) weight(c *cell, now moment) float64 {
	l := m.zones.byID(c.zone).limit.Load()
	return float64(l.level(c.value, now)) / float64(l.capacity)
}

// Len tells how many keys are held, those that are full again included.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		m.shards[i].mu.Lock()
		n += m.shards[i].table.len()
		m.shards[i].mu.Unlock()
	}
	return n
}
