package limit

import (
	"crypto/sha256"
	"math/bits"
	"sync"
	"time"
)

const (
	shards = 64
	// Keys that no longer fit share one bucket for each zone and shard, which admits this many times the zone's limit.
	overflowShare = 16
)

// Memory counts in this process. It holds at most a fixed number of keys and forgets one only when its burst is free again, when
// forgetting changes nothing: nobody gets a limit anew by crowding others out. Keys that find no room share a bucket.
type Memory struct {
	now    func() time.Time
	start  time.Time
	max    int // keys for each shard
	shards [shards]shard
}

type shard struct {
	mu       sync.Mutex
	tats     map[entry]int64
	overflow map[string]int64 // by zone
	_        [40]byte         // a cache line of its own
}

// entry is what a memory counts by.
type entry [16]byte

func (c *Charge) entry() entry {
	var space [96]byte
	b := append(append(space[:0], c.Subject[:]...), c.Zone.counter()...)
	sum := sha256.Sum256(b)
	return entry(sum[:16])
}

// counter names what the zone counts by. Neither part holds a dot.
func (z *Zone) counter() string {
	if z.Tier == "" {
		return z.Name
	}
	return z.Name + "." + z.Tier
}

// NewMemory makes a memory for about max keys, 0 means 1,000,000, of some 50 bytes each.
func NewMemory(max int, now func() time.Time) *Memory {
	if max <= 0 {
		max = 1_000_000
	}
	// The clock starts a window early, so that 0 is long ago.
	m := &Memory{now: now, start: now().Add(-longest), max: (max + shards - 1) / shards}
	for i := range m.shards {
		m.shards[i].tats, m.shards[i].overflow = map[entry]int64{}, map[string]int64{}
	}
	return m
}

// micros is monotonic: setting the machine's clock changes nothing.
func (m *Memory) micros() int64 { return m.now().Sub(m.start).Microseconds() }

// slot is where one charge is counted.
type slot struct {
	key      entry
	shard    *shard
	limit    Limit
	next     int64
	overflow bool
}

// Take charges all or none. No limit may be Never.
func (m *Memory) Take(charges []Charge) bool {
	var space [8]slot
	slots := space[:0]
	var locks uint64
	for i := range charges {
		k := charges[i].entry()
		n := k[0] % shards
		locks |= 1 << n
		slots = append(slots, slot{key: k, shard: &m.shards[n], limit: charges[i].Zone.Limit})
	}
	for set := locks; set != 0; set &= set - 1 { // in one order, so that no two wait for each other
		m.shards[bits.TrailingZeros64(set)].mu.Lock()
	}
	defer func() {
		for set := locks; set != 0; set &= set - 1 {
			m.shards[bits.TrailingZeros64(set)].mu.Unlock()
		}
	}()
	now := m.micros()
	allowed := true
	for i := range slots {
		allowed = slots[i].ask(&charges[i], now, m.max) && allowed
	}
	for i := range slots {
		s, c := &slots[i], &charges[i]
		switch {
		case allowed && s.overflow:
			s.shard.overflow[c.Zone.counter()] = s.next
		case allowed:
			s.shard.tats[s.key] = s.next
		case !c.Result.Refused && !c.Result.Skipped: // not charged after all
			c.Result = s.limit.result(s.next-s.limit.interval, now, 0)
		}
	}
	return allowed
}

// ask works out what a charge would do. The shard is locked.
func (s *slot) ask(c *Charge, now int64, max int) bool {
	tat, known := s.shard.tats[s.key]
	if !known && !s.shard.room(now, max) {
		s.overflow = true
		s.limit.interval = s.limit.capacity/(s.limit.Burst*overflowShare) + 1
		tat = s.shard.overflow[c.Zone.counter()]
	}
	next, over := s.limit.charge(tat, now)
	if over > 0 {
		c.Result = s.limit.result(next-s.limit.interval, now, over)
		c.Result.Refused = true
		return false
	}
	s.next = next
	c.Result = s.limit.result(next, now, 0)
	return true
}

// room drops some keys that are full again, more of them where the shard has no room left, and tells whether it has.
func (s *shard) room(now int64, max int) bool {
	look := 2
	if len(s.tats) >= max {
		look = 32
	}
	for k, tat := range s.tats { // a map's order is random
		if tat <= now {
			delete(s.tats, k)
		}
		if look--; look == 0 {
			break
		}
	}
	return len(s.tats) < max
}

// Len tells how many keys are held, those that are full again included.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		m.shards[i].mu.Lock()
		n += len(m.shards[i].tats)
		m.shards[i].mu.Unlock()
	}
	return n
}
