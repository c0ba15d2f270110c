package keyset

import (
	"sync"
	"sync/atomic"
)

// cache holds sets in two generations: what is not asked for while the young one fills up is let go. To look something up takes no lock.
type cache struct {
	most       int // sets, of both generations
	mu         sync.Mutex
	young, old atomic.Pointer[generation]
	changes    atomic.Uint64 // one more with each set that has changed
}

type generation struct {
	ids, names sync.Map // of *Set
	count      atomic.Int64
}

func newCache(most int) *cache {
	c := &cache{most: max(most, 2)}
	c.young.Store(new(generation))
	c.old.Store(new(generation))
	return c
}

func (c *cache) byID(id string) *Set {
	return c.get(id, func(g *generation) *sync.Map { return &g.ids })
}
func (c *cache) byName(name string) *Set {
	return c.get(name, func(g *generation) *sync.Map { return &g.names })
}

func (c *cache) get(key string, of func(*generation) *sync.Map) *Set {
	if v, ok := of(c.young.Load()).Load(key); ok {
		return v.(*Set)
	}
	v, ok := of(c.old.Load()).Load(key)
	if !ok {
		return nil
	}
	s := v.(*Set)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.gone.Load() { // else it has changed meanwhile, and is to be read anew
		c.insert(s)
		return s
	}
	return nil
}

// put holds a set that was read when there had been so many changes. It is false where there were more since: it may be out of date.
func (c *cache) put(s *Set, changes uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes.Load() != changes {
		return false
	}
	c.insert(s)
	return true
}

func (c *cache) insert(s *Set) {
	young := c.young.Load()
	if before, loaded := young.ids.Swap(s.id, s); !loaded {
		young.count.Add(1)
	} else if before.(*Set) != s {
		before.(*Set).gone.Store(true)
	}
	if s.named {
		young.names.Store(s.name, s)
	}
	if young.count.Load() <= int64(c.most/2) {
		return
	}
	c.old.Load().ids.Range(func(id, v any) bool {
		if kept, _ := young.ids.Load(id); kept != v {
			v.(*Set).gone.Store(true) // nobody would tell it of changes
		}
		return true
	})
	c.old.Store(young)
	c.young.Store(new(generation))
}

// forget lets go of a set that has changed, and of those that are being read now.
func (c *cache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes.Add(1)
	for _, g := range []*generation{c.young.Load(), c.old.Load()} {
		v, ok := g.ids.LoadAndDelete(id)
		if !ok {
			continue
		}
		s := v.(*Set)
		s.gone.Store(true)
		g.names.CompareAndDelete(s.name, s)
		g.count.Add(-1)
	}
}

// forgetName lets go of what a name stood for.
func (c *cache) forgetName(name string) {
	if s := c.byName(name); s != nil {
		c.forget(s.id)
	}
}

// clear lets go of all.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes.Add(1)
	for _, g := range []*generation{c.young.Load(), c.old.Load()} {
		g.ids.Range(func(_, v any) bool {
			v.(*Set).gone.Store(true)
			return true
		})
	}
	c.young.Store(new(generation))
	c.old.Store(new(generation))
}

// size is how many sets are in memory, at most: some are in both generations.
func (c *cache) size() int { return int(c.young.Load().count.Load() + c.old.Load().count.Load()) }
