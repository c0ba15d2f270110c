package limit

import (
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

var (
	//go:embed gcra.lua
	gcraSource string
	//go:embed refund.lua
	refundSource string

	gcra   = redis.NewScript(gcraSource)
	refund = redis.NewScript(refundSource)
)

// redisCounter counts in Redis, on Redis's clock.
//
// A Redis Cluster runs a script on the keys of one slot only. A key's slot is its subject's, so zones that count by the same are one
// script; the other subjects of the request follow one after another, and the earlier ones get their charge back where a later one
// refuses. Meanwhile their keys may refuse a request too many; they never admit one too many.
type redisCounter struct {
	client  redis.UniversalClient
	cluster bool
}

func newRedisCounter(c redis.UniversalClient) *redisCounter {
	_, cluster := c.(*redis.ClusterClient)
	return &redisCounter{c, cluster}
}

func (r *redisCounter) take(ctx context.Context, charges []Charge) (bool, error) {
	if !r.cluster {
		return r.run(ctx, charges)
	}
	return r.takeBySlot(ctx, charges)
}

// takeBySlot asks subject by subject. The charges were sorted so by the caller.
func (r *redisCounter) takeBySlot(ctx context.Context, charges []Charge) (bool, error) {
	for from := 0; from < len(charges); {
		to := from + 1
		for to < len(charges) && charges[to].Subject == charges[from].Subject {
			to++
		}
		ok, err := r.run(ctx, charges[from:to])
		if err == nil && ok {
			from = to
			continue
		}
		skip(charges[to:])
		return false, errors.Join(err, r.refund(ctx, charges[:from]))
	}
	return true, nil
}

func skip(charges []Charge) {
	for i := range charges {
		charges[i].Result = Result{Skipped: true}
	}
}

func (r *redisCounter) run(ctx context.Context, charges []Charge) (bool, error) {
	keys, args := make([]string, len(charges)), make([]any, 0, 2*len(charges))
	for i := range charges {
		keys[i] = key(&charges[i])
		args = append(args, charges[i].Zone.Limit.interval, charges[i].Zone.Limit.capacity)
	}
	// Run sends the script's digest, and the whole where Redis does not know it: then it has not run.
	out, err := gcra.Run(ctx, r.client, keys, args...).Int64Slice()
	if err != nil {
		return false, fmt.Errorf("asking Redis for %d limits: %w", len(charges), err)
	}
	if len(out) != 2*len(charges)+1 {
		return false, errors.New("asking Redis for limits: " + strconv.Itoa(len(out)) + " numbers came back")
	}
	for i := range charges {
		full, wait := out[2*i+1], out[2*i+2]
		c := &charges[i]
		c.Result = c.Zone.Limit.result(full, 0, wait)
		c.Result.Refused = wait > 0
	}
	return out[0] == 1, nil
}

func (r *redisCounter) refund(ctx context.Context, charges []Charge) error {
	var errs []error
	for i := range charges {
		errs = append(errs, refund.Run(ctx, r.client, []string{key(&charges[i])}, charges[i].Zone.Limit.interval).Err())
		charges[i].Result = Result{Skipped: true}
	}
	return errors.Join(errs...)
}

// key is gw:{rl:subject}:zone.
func key(c *Charge) string {
	return store.Key("rl:"+base64.RawURLEncoding.EncodeToString(c.Subject[:]), c.Zone.counter())
}
