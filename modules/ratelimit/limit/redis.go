package limit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

//go:embed limits.lua
var source string

// redisCounter counts in Redis, on Redis's clock.
//
// A Redis Cluster runs a script on the keys of one slot only. A key's slot is its subject's, so zones that count by the same are one
// script; the other slots of the request follow one after another, and the earlier ones get their charge back where a later one
// refuses. Meanwhile their keys may refuse a request too many; they never admit one too many.
type redisCounter struct {
	client  redis.UniversalClient
	by      redis.Scripter // the way to the client
	script  *redis.Script
	cluster bool
	clock   func() int64 // this process's, in microseconds
}

func newRedisCounter(c redis.UniversalClient, clock func() int64) *redisCounter {
	_, cluster := c.(*redis.ClusterClient)
	return &redisCounter{client: c, by: c, script: redis.NewScript(source), cluster: cluster, clock: clock}
}

// take charges all or none.
func (r *redisCounter) take(ctx context.Context, charges []Charge) (bool, error) {
	if !r.cluster || len(charges) == 1 {
		ok, err := r.run(ctx, opTake, charges)
		if !splits(err) {
			return ok, err
		}
	}
	groups := bySlot(charges)
	for i := 0; i < len(groups); i++ {
		ok, err := r.runSome(ctx, opTake, charges, groups[i])
		if splits(err) && len(groups[i]) > 1 {
			groups = append(groups[:i:i], append(single(groups[i]), groups[i+1:]...)...)
			i--
			continue
		}
		if err == nil && ok {
			continue
		}
		for _, g := range groups[i+1:] {
			for _, k := range g {
				charges[k].Result = Result{Skipped: true}
			}
		}
		return false, errors.Join(err, r.giveBack(ctx, charges, groups[:i]))
	}
	return true, nil
}

// giveBack undoes what earlier slots were charged for a request that a later one refused. Where Redis does not answer any more it stays
// charged, until it has leaked: too much is never admitted by it.
func (r *redisCounter) giveBack(ctx context.Context, charges []Charge, groups [][]int) error {
	var errs []error
	for _, g := range groups {
		_, err := r.runSome(ctx, opRefund, charges, g)
		errs = append(errs, err)
		for _, k := range g {
			charges[k].Result = Result{Skipped: true}
		}
	}
	return errors.Join(errs...)
}

// each runs an operation that no key's answer stops.
func (r *redisCounter) each(ctx context.Context, op byte, charges []Charge) error {
	if !r.cluster {
		_, err := r.run(ctx, op, charges)
		return err
	}
	var errs []error
	for _, g := range bySlot(charges) {
		_, err := r.runSome(ctx, op, charges, g)
		if splits(err) {
			err = nil
			for _, one := range single(g) {
				_, e := r.runSome(ctx, op, charges, one)
				err = errors.Join(err, e)
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// splits tells that keys of one slot are on two nodes, because the slot is moving. A script of one key finds its node.
func splits(err error) bool { return err != nil && redis.IsTryAgainError(err) }

func single(group []int) (groups [][]int) {
	for _, i := range group {
		groups = append(groups, []int{i})
	}
	return groups
}

// runSome runs an operation on the charges of these indices.
func (r *redisCounter) runSome(ctx context.Context, op byte, charges []Charge, indices []int) (bool, error) {
	var space [8]Charge
	some := space[:0]
	for _, i := range indices {
		some = append(some, charges[i])
	}
	ok, err := r.run(ctx, op, some)
	if err == nil {
		for n, i := range indices {
			charges[i] = some[n]
		}
	}
	return ok, err
}

func (r *redisCounter) run(ctx context.Context, op byte, charges []Charge) (bool, error) {
	now := r.clock()
	keys := make([]string, len(charges))
	ask := make([]byte, 1, 1+recordSize*len(charges))
	ask[0] = op
	for i := range charges {
		keys[i] = charges[i].key()
		ask = charges[i].appendRecord(ask, op, now)
	}
	// Run sends the script's digest, and the whole where Redis does not know it: then it has not run.
	answer, err := r.script.Run(ctx, r.by, keys, ask).Text()
	if err != nil {
		return false, fmt.Errorf("asking Redis for %d limits: %w", len(charges), err)
	}
	if op != opTake && op != opPeek {
		return true, nil
	}
	return read(answer, op, charges, now)
}
