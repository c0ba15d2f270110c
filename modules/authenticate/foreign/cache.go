package foreign

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const maxCached = 10_000

// cache remembers verified tokens by the SHA-256 of them. It is bounded: where it is full, an entry goes for each that comes.
type cache struct {
	max int
	mu  sync.RWMutex
	m   map[[sha256.Size]byte]entry
}

type entry struct {
	id     *reqctx.Identity
	key    *oidc.Key
	source *source
}

func newCache(max int) *cache { return &cache{max: max, m: map[[sha256.Size]byte]entry{}} }

func (c *cache) get(k [sha256.Size]byte) (entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.m[k]
	return e, ok
}

func (c *cache) put(k [sha256.Size]byte, e entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[k]; !ok && len(c.m) >= c.max {
		c.evict(now)
	}
	c.m[k] = e
}

// evict makes room: of some entries (a map's order is random) those that have expired, or else one of them.
func (c *cache) evict(now time.Time) {
	var any [sha256.Size]byte
	looked, freed := 0, false
	for k, e := range c.m {
		if any = k; !now.Before(e.id.Expires) {
			delete(c.m, k)
			freed = true
		}
		if looked++; looked == 16 {
			break
		}
	}
	if !freed {
		delete(c.m, any)
	}
}
