package fleet

import (
	"context"
	_ "embed"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lease.lua
	leaseSource string
	//go:embed nodes.lua
	nodesSource string
	//go:embed commit.lua
	commitSource string
	//go:embed save.lua
	saveSource string

	nodesScript  = redis.NewScript(nodesSource)
	commitScript = redis.NewScript(commitSource)
	saveScript   = redis.NewScript(saveSource)
)

// lease says that this gateway is alive, keeps the leases that it has, and takes those that are free and should be its own.
func (f *Fleet) lease(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	began := time.Now()
	nodes, err := nodesScript.Run(ctx, f.client, []string{f.nodes()}, f.node, f.o.Lease.Milliseconds()).StringSlice()
	if err != nil {
		return // what is mine is so until its time is over, and then waits for Redis
	}
	f.handOver(ctx, nodes)
	answers := f.askLeases(ctx, nodes)
	until := began.Add(f.o.Lease * 4 / 5)
	for p, answer := range answers {
		n, err := answer.Int()
		own := f.owned[p]
		switch {
		case err != nil:
		case n == 0:
			f.own(p, nil)
		case own != nil && began.Before(own.until): // also where Redis had lost all that it had
			f.extend(own, until)
		case own != nil && f.unread(ctx, own):
			f.extend(own, until)
		default: // free; or from before, when the answer was lost that it was taken
			f.counts.took.Add(1)
			f.own(p, f.newPartition(p, until))
		}
	}
}

// unread tells whether nobody has read the partition since this gateway did, whose lease had run out: so what it counted is still good. If Redis has lost
// the stream, that is all there is.
func (f *Fleet) unread(ctx context.Context, own *partition) bool {
	groups, err := f.client.XInfoGroups(ctx, f.key(own.index, "hits")).Result()
	if err != nil {
		return own.ready && redis.HasErrorPrefix(err, "no such key")
	}
	for _, g := range groups {
		if g.Name == group {
			return own.ready && g.LastDeliveredID == own.read
		}
	}
	return own.ready
}

func (f *Fleet) extend(own *partition, until time.Time) {
	f.mine.Lock()
	defer f.mine.Unlock()
	own.until = until
}

// handOver saves what this gateway counts for those that are to be owned by another, before it gives up their leases.
func (f *Fleet) handOver(ctx context.Context, nodes []string) {
	for p, own := range f.owned {
		if own != nil && own.ready && own.commit == nil && own.since > 0 && preferred(nodes, p) != f.node {
			f.save(ctx, own)
		}
	}
}

func (f *Fleet) askLeases(ctx context.Context, nodes []string) (answers [Partitions]*redis.Cmd) {
	_, _ = f.client.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each answer has its own error
		for p := range Partitions {
			want := "0"
			if preferred(nodes, p) == f.node {
				want = "1"
			}
			answers[p] = pipe.Eval(ctx, leaseSource, []string{f.key(p, "owner")}, f.node, f.o.Lease.Milliseconds(), want)
		}
		return nil
	})
	return answers
}

func (f *Fleet) own(p int, own *partition) {
	f.mine.Lock()
	defer f.mine.Unlock()
	f.owned[p] = own
}

// release gives all leases back at once, so that nobody waits for their end.
func (f *Fleet) release(ctx context.Context) {
	for p, own := range f.owned {
		if own != nil && own.commit != nil {
			f.settle(ctx, own)
		}
		if own != nil && own.ready && own.commit == nil && own.since > 0 {
			f.save(ctx, own)
		}
		f.own(p, nil)
	}
	f.askLeases(ctx, nil)
	_ = f.client.ZRem(ctx, f.nodes(), f.node).Err() // else it is taken for dead soon
}

// preferred is who should own a partition: the same for all who know the same gateways, and for most partitions the same when one comes or goes.
func preferred(nodes []string, p int) (best string) {
	highest := uint64(0)
	for _, n := range nodes {
		h := fnv.New64a()
		_, _ = h.Write([]byte(n + " " + strconv.Itoa(p))) // takes everything
		if x := mix(h.Sum64()); best == "" || x > highest || x == highest && n > best {
			best, highest = n, x
		}
	}
	return best
}

// mix spreads what FNV leaves in the low bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
