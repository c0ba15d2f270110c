package store

import (
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	shards   = 64
	maxValue = 64 << 10
)

// errTooLarge is a mistake of the caller, never of a client: callers bound what they store.
var errTooLarge = errors.New("store: value over 64 KiB")

// Memory is a Store in this process, for one gateway. It holds at most a fixed number of values; when a
// shard is full, expired ones go first, then those that expire soonest among a sample.
type Memory struct {
	seed  maphash.Seed
	now   func() time.Time
	parts [shards]shard
	max   int // values per shard
}

type shard struct {
	mu sync.Mutex
	m  map[string]entry
}

type entry struct {
	value   []byte
	expires time.Time
}

// NewMemory makes a store for up to about max values; 0 means 1,000,000.
func NewMemory(max int) *Memory {
	if max <= 0 {
		max = 1_000_000
	}
	m := &Memory{seed: maphash.MakeSeed(), now: time.Now, max: (max + shards - 1) / shards}
	for i := range m.parts {
		m.parts[i].m = map[string]entry{}
	}
	return m
}

func (m *Memory) shard(key string) *shard { return &m.parts[maphash.String(m.seed, key)%shards] }

// live returns the entry if it has not expired. The shard is locked.
func (s *shard) live(key string, now time.Time) (entry, bool) {
	e, ok := s.m[key]
	if ok && !now.Before(e.expires) {
		delete(s.m, key)
		return entry{}, false
	}
	return e, ok
}

// put writes the entry, making room first. The shard is locked.
func (s *shard) put(key string, e entry, max int, now time.Time) {
	if _, ok := s.m[key]; !ok && len(s.m) >= max {
		s.evict(now)
	}
	s.m[key] = e
}

// evict looks at some entries (a map's order is random): the expired go, and if none had, the one that expires soonest.
func (s *shard) evict(now time.Time) {
	var soonest string
	var at time.Time
	looked, freed := 0, false
	for k, e := range s.m {
		if !now.Before(e.expires) {
			delete(s.m, k)
			freed = true
		} else if at.IsZero() || e.expires.Before(at) {
			soonest, at = k, e.expires
		}
		if looked++; looked == 32 {
			break
		}
	}
	if !freed && soonest != "" {
		delete(s.m, soonest)
	}
}

// Get implements Store.
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.live(key, m.now())
	return e.value, ok, nil
}

// Set implements Store.
func (m *Memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	if len(value) > maxValue {
		return errTooLarge
	}
	s, now := m.shard(key), m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, entry{append([]byte(nil), value...), now.Add(ttl)}, m.max, now)
	return nil
}

// Add implements Store.
func (m *Memory) Add(_ context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if len(value) > maxValue {
		return false, errTooLarge
	}
	s, now := m.shard(key), m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.live(key, now); ok {
		return false, nil
	}
	s.put(key, entry{append([]byte(nil), value...), now.Add(ttl)}, m.max, now)
	return true, nil
}

// Take implements Store.
func (m *Memory) Take(_ context.Context, key string) ([]byte, bool, error) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.live(key, m.now())
	delete(s.m, key)
	return e.value, ok, nil
}

// Incr implements Store.
func (m *Memory) Incr(_ context.Context, key string, ttl time.Duration) (int64, error) {
	s, now := m.shard(key), m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.live(key, now)
	if !ok {
		e = entry{[]byte("0"), now.Add(ttl)}
	}
	n, err := strconv.ParseInt(string(e.value), 10, 64)
	if err != nil {
		return 0, errors.New("store: the value is no counter")
	}
	s.put(key, entry{strconv.AppendInt(nil, n+1, 10), e.expires}, m.max, now)
	return n + 1, nil
}

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, key string) error {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, key)
	return nil
}

// Ping implements Store: memory is always there.
func (m *Memory) Ping(context.Context) error { return nil }

// Redis implements Store: there is none.
func (m *Memory) Redis() redis.UniversalClient { return nil }

// Close implements Store.
func (m *Memory) Close() error {
	for i := range m.parts {
		s := &m.parts[i]
		s.mu.Lock()
		clear(s.m)
		s.mu.Unlock()
	}
	return nil
}

// Len tells how many values are held, expired ones included.
func (m *Memory) Len() int {
	n := 0
	for i := range m.parts {
		s := &m.parts[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}
