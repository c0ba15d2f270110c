package token

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	cacheShards = 64
	// maxAge is how long a token is believed without a look at the database: far below what the feed keeps (an hour), so that the end of a session or token
	// that it missed is not missed for ever. Personal tokens last for a year.
	maxAge = 15 * time.Minute
)

// Cache remembers verified tokens by the SHA-256 of them, for a quarter of an hour at most, until they expire, their session ends or room is needed. It is safe
// for use by many.
type Cache struct {
	now    func() time.Time
	max    int // entries per shard
	shards [cacheShards]cacheShard

	mu       sync.Mutex          // taken after a shard's
	sessions map[string]*session // those with an entry
	drops    uint64
}

type cacheShard struct {
	mu sync.RWMutex
	m  map[[sha256.Size]byte]cached
}

type cached struct {
	id      *reqctx.Identity
	session *session
	until   time.Time
}

// session is shared by the tokens of one session: to end it ends them all.
type session struct {
	ended   atomic.Bool
	entries int // guarded by Cache.mu
}

// NewCache makes a cache for at most about max tokens; 0 means 100,000.
func NewCache(max int, now func() time.Time) *Cache {
	if max <= 0 {
		max = 100_000
	}
	c := &Cache{now: now, max: (max + cacheShards - 1) / cacheShards, sessions: map[string]*session{}}
	for i := range c.shards {
		c.shards[i].m = map[[sha256.Size]byte]cached{}
	}
	return c
}

// Get returns what was remembered of the token.
func (c *Cache) Get(raw string) (*reqctx.Identity, bool) {
	if len(raw) > maxToken { // never remembered, and not worth hashing
		return nil, false
	}
	k := sha256.Sum256([]byte(raw))
	s := &c.shards[k[0]%cacheShards]
	s.mu.RLock()
	e, ok := s.m[k]
	s.mu.RUnlock()
	if !ok || e.session.ended.Load() || !c.now().Before(e.until) {
		return nil, false
	}
	return e.id, true
}

// Drops counts the sessions dropped so far. Read it before the session's state is read, and give it to Put.
func (c *Cache) Drops() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drops
}

// Put remembers a verified token, unless a session was dropped since drops was read: it may have been this one, after its
// state was read.
func (c *Cache) Put(raw string, id *reqctx.Identity, drops uint64) {
	k := sha256.Sum256([]byte(raw))
	s := &c.shards[k[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.m[k]; ok {
		c.forget(s, k, old)
	} else if len(s.m) >= c.max {
		c.evict(s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != drops {
		return
	}
	live, ok := c.sessions[id.Session]
	if !ok {
		live = &session{}
		c.sessions[id.Session] = live
	}
	live.entries++
	until := c.now().Add(maxAge)
	if id.Expires.Before(until) {
		until = id.Expires
	}
	s.m[k] = cached{id, live, until}
}

// Drop forgets all tokens of a session.
func (c *Cache) Drop(sid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if live, ok := c.sessions[sid]; ok {
		live.ended.Store(true) // the entries themselves go when they are evicted or swept
		delete(c.sessions, sid)
	}
}

// Clear forgets everything, and what is being verified meanwhile.
func (c *Cache) Clear() {
	c.mu.Lock()
	c.drops++
	for sid, live := range c.sessions {
		live.ended.Store(true)
		delete(c.sessions, sid)
	}
	c.mu.Unlock()
	c.Sweep()
}

// Sweep removes what has expired or ended.
func (c *Cache) Sweep() {
	now := c.now()
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for k, e := range s.m {
			if e.session.ended.Load() || !now.Before(e.until) {
				c.forget(s, k, e)
			}
		}
		s.mu.Unlock()
	}
}

// Len tells how many tokens are held, those that expired since the last sweep included.
func (c *Cache) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.m)
		s.mu.RUnlock()
	}
	return n
}

// evict makes room: of some entries (a map's order is random) those that hold no more, or else the one that expires first. The
// shard is locked.
func (c *Cache) evict(s *cacheShard) {
	now := c.now()
	var first [sha256.Size]byte
	var soonest cached
	looked, freed := 0, false
	for k, e := range s.m {
		if e.session.ended.Load() || !now.Before(e.until) {
			c.forget(s, k, e)
			freed = true
		} else if soonest.id == nil || e.until.Before(soonest.until) {
			first, soonest = k, e
		}
		if looked++; looked == 16 {
			break
		}
	}
	if !freed && soonest.id != nil {
		c.forget(s, first, soonest)
	}
}

// forget removes an entry, and its session with the last one. The shard is locked.
func (c *Cache) forget(s *cacheShard, k [sha256.Size]byte, e cached) {
	delete(s.m, k)
	c.mu.Lock()
	defer c.mu.Unlock()
	e.session.entries--
	if e.session.entries == 0 && c.sessions[e.id.Session] == e.session {
		delete(c.sessions, e.id.Session)
	}
}
