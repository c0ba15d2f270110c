package screen

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// memory remembers which rules were hit by headers and cookies, most of which come again with every request of a client. It holds the values themselves, so
// that one is never taken for another, and is bounded: a shard that is full begins anew.
type memory struct {
	seed   maphash.Seed
	shards [memoryShards]memoryShard
}

type memoryShard struct {
	mu   sync.RWMutex
	seen map[member][]int
}

const (
	memoryShards    = 16
	memoryPerShard  = 256
	longestRemember = 512 // bytes of a value, or of a key
)

func newMemory() *memory { return &memory{seed: maphash.MakeSeed()} }

// remembers tells whether a member is worth it.
func remembers(m *member) bool {
	return (m.source == headers || m.source == headerNames || m.source == cookies || m.source == cookieNames) &&
		len(m.value) <= longestRemember && len(m.key) <= longestRemember
}

func (c *memory) shard(m *member) *memoryShard {
	return &c.shards[maphash.String(c.seed, m.value)%memoryShards]
}

func (c *memory) get(m *member) (hits []int, ok bool) {
	s := c.shard(m)
	s.mu.RLock()
	defer s.mu.RUnlock()
	hits, ok = s.seen[*m]
	return hits, ok
}

func (c *memory) put(m *member, hits []int) {
	s := c.shard(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil || len(s.seen) >= memoryPerShard {
		s.seen = make(map[member][]int, memoryPerShard)
	}
	// Copies: what they are cut from may be the whole request.
	s.seen[member{m.source, strings.Clone(m.key), strings.Clone(m.value)}] = slices.Clone(hits)
}
