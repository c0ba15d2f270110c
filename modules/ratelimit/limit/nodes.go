package limit

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	beat     = 3 * time.Second // between two notes of a node
	lifetime = 4 * beat        // a node that was not heard of for so long is dead
	maxNodes = 10_000
)

var (
	//go:embed nodes.lua
	nodesSource string
	nodesScript = redis.NewScript(nodesSource)
	nodesKey    = store.Key("rl:nodes")
)

// nodes is how many processes share the Redis, by a registry in it. While Redis is away the last number stands.
type nodes struct {
	client redis.UniversalClient
	id     string
	live   atomic.Int64
}

func newNodes(c redis.UniversalClient) *nodes {
	n := &nodes{client: c, id: rand.Text()}
	n.live.Store(1)
	return n
}

// count is 1 at least: this node.
func (n *nodes) count() int64 { return n.live.Load() }

// note writes that this node lives, or goes.
func (n *nodes) note(ctx context.Context, alive bool) error {
	flag := 0
	if alive {
		flag = 1
	}
	live, err := nodesScript.Run(ctx, n.client, []string{nodesKey}, n.id, lifetime.Milliseconds(), flag).Int64()
	if err != nil {
		return fmt.Errorf("noting that this node lives: %w", err)
	}
	n.live.Store(min(max(live, 1), maxNodes))
	return nil
}
