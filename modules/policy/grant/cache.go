package grant

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxWhole   = 4096             // relations to one object that are remembered whole; of larger ones the database is asked
	maxWeight  = 1 << 18          // relations remembered in all, each object counting for one more
	maxAge     = 15 * time.Minute // far below what the feed keeps: a change it missed is not missed for ever
	stampSlots = 4096
)

// facts are what is known of one object. They never change once in the cache.
type facts struct {
	of     map[string][]string // subject → relations
	parent string
	whole  bool // nothing is missing
	count  int
	read   time.Time
	until  int64 // microseconds since 1970: something of it has expired by then; 0: never
}

func (f *facts) add(subject, relation string, expires int64) {
	f.count++
	if expires != 0 && (f.until == 0 || expires < f.until) {
		f.until = expires
	}
	if relation == Parent {
		f.parent = subject
		return
	}
	f.of[subject] = append(f.of[subject], relation)
}

func (f *facts) relations(subject string) []string {
	own, all := f.of[subject], f.of[Everyone]
	if len(own) == 0 || subject == Everyone {
		return all
	}
	if len(all) == 0 {
		return own
	}
	both := make([]string, 0, len(own)+len(all))
	return append(append(both, own...), all...)
}

// cache remembers facts by object, in two generations: what is not asked for while the young one fills up is forgotten. So
// it is bounded, and a scan over many objects does not push out what is in use.
type cache struct {
	seed   maphash.Seed
	closed atomic.Bool

	// Stamps count changes by slot of an object's hash: a change elsewhere may look like one here, never the reverse.
	slots   [stampSlots]atomic.Uint64
	ends    [stampSlots]deadline // when something of what was read has expired, by slot: a change, too
	all     atomic.Uint64        // changes that concern every object
	version atomic.Uint64
	end     deadline // the first of ends

	mu     sync.RWMutex
	young  map[string]*facts
	old    map[string]*facts
	weight int // of young
}

func newCache() *cache {
	return &cache{seed: maphash.MakeSeed(), young: map[string]*facts{}, old: map[string]*facts{}}
}

func (c *cache) slot(object string) uint64 { return maphash.String(c.seed, object) % stampSlots }

func (c *cache) stamp(object string) uint64 { return c.slots[c.slot(object)].Load() }

// stampAt is stamp, after what has expired by now was counted as the change that it is.
func (c *cache) stampAt(object string, now time.Time) uint64 {
	slot := c.slot(object)
	if c.ends[slot].pass(now) {
		c.slots[slot].Add(1)
	}
	return c.slots[slot].Load()
}

func (c *cache) versionAt(now time.Time) uint64 {
	if c.end.pass(now) {
		c.version.Add(1)
	}
	return c.version.Load()
}

// expect has stamps change when these facts, which are about to be used, expire.
func (c *cache) expect(object string, f *facts) {
	if f.until != 0 {
		c.ends[c.slot(object)].set(f.until)
		c.end.set(f.until)
	}
}

func (c *cache) get(object string, now time.Time) *facts {
	c.mu.RLock()
	f, young := c.young[object]
	if f == nil {
		f = c.old[object]
	}
	c.mu.RUnlock()
	if f == nil || now.Sub(f.read) > maxAge || f.until != 0 && f.until <= now.UnixMicro() {
		return nil
	}
	if !young {
		c.promote(object, f)
	}
	return f
}

// promote takes what is asked for again into the young generation, unless it was forgotten meanwhile.
func (c *cache) promote(object string, f *facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.old[object] == f {
		delete(c.old, object)
		c.insert(object, f)
	}
}

// put remembers facts that were read when the stamp was so.
func (c *cache) put(object string, f *facts, stamp uint64, now time.Time) {
	f.read = now
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stamp(object) != stamp || c.closed.Load() {
		return // changed while it was read: what was read may be from before
	}
	delete(c.old, object)
	c.insert(object, f)
}

func (c *cache) insert(object string, f *facts) {
	if previous := c.young[object]; previous != nil {
		c.weight -= previous.count + 1
	}
	c.young[object] = f
	c.weight += f.count + 1
	if c.weight > maxWeight/2 {
		c.old, c.young, c.weight = c.young, map[string]*facts{}, 0
	}
}

// forget drops an object, and marks it changed for those who are reading it now.
func (c *cache) forget(object string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[c.slot(object)].Add(1)
	c.version.Add(1)
	if f := c.young[object]; f != nil {
		c.weight -= f.count + 1
		delete(c.young, object)
	}
	delete(c.old, object)
}

// bump makes every stamp differ from all before.
func (c *cache) bump() uint64 { return c.all.Add(1) | 1<<63 }

func (c *cache) close() {
	c.closed.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.weight = map[string]*facts{}, map[string]*facts{}, 0
}
