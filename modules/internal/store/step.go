package store

import (
	"hash/maphash"
	"math/bits"
	"time"
)

// Value is what Step writes.
type Value struct {
	Bytes []byte // nil removes the key
	TTL   time.Duration
}

// Step reads some keys and writes what f makes of their values, as one step: for those who need more than the methods of Store and bring a
// script of their own for Redis. f gets nil for what is not there and returns a Value for each key, or nil to write nothing. It must not wait,
// nor use the Memory.
func (m *Memory) Step(keys []string, f func(values [][]byte) []Value) {
	var locks uint64
	for _, k := range keys {
		locks |= 1 << (maphash.String(m.seed, k) % shards)
	}
	for set := locks; set != 0; set &= set - 1 { // in one order, so that no two wait for each other
		m.parts[bits.TrailingZeros64(set)].mu.Lock()
	}
	defer func() {
		for set := locks; set != 0; set &= set - 1 {
			m.parts[bits.TrailingZeros64(set)].mu.Unlock()
		}
	}()
	now := m.now()
	values := make([][]byte, len(keys))
	for i, k := range keys {
		if e, ok := m.shard(k).live(k, now); ok {
			values[i] = e.value
		}
	}
	for i, v := range f(values) {
		s := m.shard(keys[i])
		if v.Bytes == nil {
			delete(s.m, keys[i])
			continue
		}
		s.put(keys[i], entry{v.Bytes, now.Add(v.TTL)}, m.max, now)
	}
}
