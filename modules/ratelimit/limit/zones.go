package limit

import (
	"sync"
	"sync/atomic"
)

// zoneName is what a memory's counters are called by. Names come from the configuration, so there are few.
type zoneName struct {
	name, tier string
	form       uint8
}

func nameOf(c *Charge) zoneName {
	return zoneName{c.Zone.Name, c.Zone.Tier, c.Zone.Limit.form()}
}

// zoneInfo is what a memory knows of the zones of one name.
type zoneInfo struct {
	id     uint32
	limit  atomic.Pointer[Limit]          // as it was last asked by a key that was not held
	shared atomic.Pointer[[]atomic.Int64] // nil until a key had to go before its time
}

// zones finds zones by name without a lock.
type zones struct {
	mu    sync.Mutex
	names atomic.Pointer[map[zoneName]*zoneInfo]
	list  atomic.Pointer[[]*zoneInfo] // by id
}

func (z *zones) of(c *Charge) *zoneInfo {
	n := nameOf(c)
	if m := z.names.Load(); m != nil {
		if info := (*m)[n]; info != nil {
			return info
		}
	}
	return z.add(n)
}

func (z *zones) add(n zoneName) *zoneInfo {
	z.mu.Lock()
	defer z.mu.Unlock()
	names, list := map[zoneName]*zoneInfo{}, []*zoneInfo{}
	if m := z.names.Load(); m != nil {
		for k, v := range *m {
			names[k] = v
		}
		list = append(list, *z.list.Load()...)
	}
	if info := names[n]; info != nil {
		return info
	}
	info := &zoneInfo{id: uint32(len(list))}
	names[n], list = info, append(list, info)
	z.list.Store(&list) // before the names: whoever has an id finds it here
	z.names.Store(&names)
	return info
}

func (z *zones) byID(id uint32) *zoneInfo { return (*z.list.Load())[id] }

// put leaves the value of a key that had to go in the bucket that its hash falls into, which is never less spent than any key that it stands for.
func (z *zoneInfo) put(hash uint64, value int64, buckets int) {
	s := z.shared.Load()
	if s == nil {
		made := make([]atomic.Int64, buckets)
		if z.shared.CompareAndSwap(nil, &made) {
			s = &made
		} else {
			s = z.shared.Load()
		}
	}
	b := &(*s)[bucket(hash, len(*s))]
	for have := b.Load(); have < value && !b.CompareAndSwap(have, value); have = b.Load() {
	}
}

// get is what a key begins with that is not held.
func (z *zoneInfo) get(hash uint64) int64 {
	s := z.shared.Load()
	if s == nil {
		return 0
	}
	return (*s)[bucket(hash, len(*s))].Load()
}

func bucket(hash uint64, of int) int { return int((hash >> 32) * uint64(of) >> 32) }
