package limit

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
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

var nodesKey = store.Key("rl:nodes")

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

// note writes that this node lives, or goes, with the time on Redis's clock, and counts those that did within the time. It runs no script, so
// that those which Redis runs are the requests'.
func (n *nodes) note(ctx context.Context, alive bool) error {
	now, err := n.clock(ctx)
	if err != nil {
		return fmt.Errorf("noting that this node lives: %w", err)
	}
	var live *redis.IntCmd
	_, err = n.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		if alive {
			p.ZAdd(ctx, nodesKey, redis.Z{Score: float64(now.UnixMilli()), Member: n.id})
		} else {
			p.ZRem(ctx, nodesKey, n.id)
		}
		p.ZRemRangeByScore(ctx, nodesKey, "-inf", strconv.FormatInt(now.Add(-lifetime).UnixMilli(), 10))
		live = p.ZCard(ctx, nodesKey)
		p.PExpire(ctx, nodesKey, lifetime)
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting that this node lives: %w", err)
	}
	n.live.Store(min(max(live.Val(), 1), maxNodes))
	return nil
}

// clock is that of the server which holds the registry.
func (n *nodes) clock(ctx context.Context) (time.Time, error) {
	c, ok := n.client.(*redis.ClusterClient)
	if !ok {
		return n.client.Time(ctx).Result()
	}
	master, err := c.MasterForKey(ctx, nodesKey)
	if err != nil {
		return time.Time{}, err
	}
	return master.Time(ctx).Result()
}
