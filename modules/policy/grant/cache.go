package grant

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxWhole   = 4096             // relations to one object that are remembered whole; of larger ones what concerns those who ask
	maxAge     = 15 * time.Minute // far below what the feed keeps: a change it missed is not missed for ever
	stampSlots = 4096
	kindSlots  = 256
)

// key is what facts are remembered by. Objects come from requests and may hold anything.
type key struct {
	object  string // of a list: the type of its objects
	subject string // of a part or a list: whom it concerns
	what    byte
}

// What facts are about.
const (
	whole byte = iota // an object; or that it is too large to be known whole
	part              // what of a large object concerns one subject
	list              // a subject's objects of one type
)

// cache remembers facts, in two generations: what is not asked for while the young one fills up is forgotten. So it is
// bounded, and a scan over many objects does not push out what is in use.
type cache struct {
	seed   maphash.Seed
	limit  int // bytes, of both generations
	closed atomic.Bool

	// Stamps count changes by slot of an object's hash: a change elsewhere may look like one here, never the reverse.
	slots [stampSlots]atomic.Uint64
	ends  [stampSlots]deadline // when something of what was read has expired, by slot: a change, too
	kinds [kindSlots]atomic.Uint64
	all   atomic.Uint64 // changes that concern every object

	mu    sync.RWMutex
	young map[key]*facts
	old   map[key]*facts
	bytes int // of young
}

func newCache(limit int) *cache {
	return &cache{seed: maphash.MakeSeed(), limit: limit, young: map[key]*facts{}, old: map[key]*facts{}}
}

func (c *cache) slot(object string) uint64 { return maphash.String(c.seed, object) % stampSlots }

func (c *cache) stamp(object string) uint64 { return c.slots[c.slot(object)].Load() }

func (c *cache) kindSlot(kind string) *atomic.Uint64 {
	return &c.kinds[maphash.String(c.seed, kind)%kindSlots]
}

// stampOf is the stamp of what facts are about: they are out of date where it is another.
func (c *cache) stampOf(k key) uint64 {
	if k.what == list {
		return c.kindSlot(k.object).Load()
	}
	return c.stamp(k.object)
}

// stampAt is stamp, after what has expired by now was counted as the change that it is.
func (c *cache) stampAt(object string, now time.Time) uint64 {
	slot := c.slot(object)
	if c.ends[slot].pass(now) {
		c.slots[slot].Add(1)
	}
	return c.slots[slot].Load()
}

// expect has stamps change when these facts, which are about to be used, expire.
func (c *cache) expect(object string, f *facts) {
	if f.until != 0 {
		c.ends[c.slot(object)].set(f.until)
	}
}

func (c *cache) get(k key, now time.Time) *facts {
	c.mu.RLock()
	f, young := c.young[k]
	if f == nil {
		f = c.old[k]
	}
	c.mu.RUnlock()
	switch at := now.UnixMicro(); {
	case f == nil, at-f.read > maxAge.Microseconds(), f.until != 0 && f.until <= at:
		return nil
	case k.what != whole && f.stamp != c.stampOf(k): // nobody tells which parts and lists a change concerns
		return nil
	}
	if !young {
		c.promote(k, f)
	}
	return f
}

// promote takes what is asked for again into the young generation, unless it was forgotten meanwhile.
func (c *cache) promote(k key, f *facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.old[k] == f {
		delete(c.old, k)
		c.insert(k, f)
	}
}

// put remembers facts that were read when the stamp was so.
func (c *cache) put(k key, f *facts, stamp uint64, now time.Time) {
	f.read, f.stamp = now.UnixMicro(), stamp
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stampOf(k) != stamp || c.closed.Load() {
		return // changed while it was read: what was read may be from before
	}
	delete(c.old, k)
	c.insert(k, f)
}

func (c *cache) insert(k key, f *facts) {
	c.drop(k)
	c.young[k] = f
	c.bytes += f.size(k)
	if c.bytes > c.limit/2 {
		c.old, c.young, c.bytes = c.young, map[key]*facts{}, 0
	}
}

func (c *cache) drop(k key) {
	if f := c.young[k]; f != nil {
		c.bytes -= f.size(k)
		delete(c.young, k)
	}
}

// forget drops an object, and marks it changed for those who are reading it now. That it is too large to be known whole is kept.
func (c *cache) forget(object string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[c.slot(object)].Add(1)
	c.kindSlot(kind(object)).Add(1)
	k := key{object: object}
	if f := c.young[k]; f != nil && f.whole {
		c.drop(k)
	}
	if f := c.old[k]; f != nil && f.whole {
		delete(c.old, k)
	}
}

// bump makes every stamp differ from all before.
func (c *cache) bump() uint64 { return c.all.Add(1) | 1<<63 }

func (c *cache) close() {
	c.closed.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.bytes = map[key]*facts{}, map[key]*facts{}, 0
}
