package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	sweep   = 500 * time.Millisecond // between two looks for leases that ran out
	goodbye = 250 * time.Millisecond // for the last words to Redis
)

// remote is what this process knows of one Redis. All limiters that ask it share it, those of several sites as those of a configuration and the
// next. Its goroutine ends when the last of them is closed; what still asks then, as sockets of an old configuration do, is answered all the same.
type remote struct {
	counter *redisCounter
	link    *link
	nodes   *nodes
	denied  *denied
	pools   *pools

	refs int // by State.mu
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	hooks []*Options // of the limiters, the newest last
	lost  int        // breakers that are open
	since time.Time
	back  []Charge // to be refunded by the goroutine
}

const maxBack = 8192

// Change tells that Redis can't be asked any more, or again. Until then each zone does what it does on failure.
type Change struct {
	Lost   bool
	Nodes  int64         // that share the Redis, as was last known
	Lasted time.Duration // how long it was lost
}

// attach finds what is known of the limiter's Redis, or begins with nothing.
func (s *State) attach(o *Options) *remote {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.remotes[o.Redis]
	if r == nil {
		r = s.newRemote(o.Redis)
		s.remotes[o.Redis] = r
		ctx, cancel := context.WithCancel(context.Background()) // ended by detach
		r.stop = cancel
		go r.run(ctx)
	}
	r.refs++
	r.mu.Lock()
	r.hooks = append(r.hooks, o)
	r.mu.Unlock()
	return r
}

func (s *State) newRemote(c redis.UniversalClient) *remote {
	r := &remote{nodes: newNodes(c), denied: newDenied(), pools: newPools(), done: make(chan struct{})}
	r.link = newLink(c, s.Memory.micros, r.changed)
	r.counter = newRedisCounter(c, s.Memory.micros)
	r.counter.by = r.link
	return r
}

// detach ends what only this limiter still needed.
func (s *State) detach(r *remote, o *Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.refs--; r.refs == 0 {
		delete(s.remotes, o.Redis)
		r.stop()
		<-r.done
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hooks = slices.DeleteFunc(r.hooks, func(h *Options) bool { return h == o })
}

// run tells the other nodes of this one and returns tokens that nobody uses, until ctx ends.
func (r *remote) run(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(sweep)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n%int(beat/sweep) == 0 {
			r.note(ctx, true, time.Second)
		}
		select {
		case <-tick.C:
			r.giveBack(r.pools.sweep(r.link.now(), false))
			r.flush(ctx, time.Second)
		case <-ctx.Done():
			ctx = context.WithoutCancel(ctx)
			r.pools.close()
			r.giveBack(r.pools.sweep(r.link.now(), true))
			r.flush(ctx, goodbye)
			r.note(ctx, false, goodbye)
			return
		}
	}
}

// note fails open: where Redis does not hear of this node, the last number of nodes stands.
func (r *remote) note(ctx context.Context, alive bool, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_ = r.nodes.note(ctx, alive)
}

// Lost tells whether Redis can't be asked at present, or some of a Cluster's masters.
func (l *Limiter) Lost() bool {
	if l.remote == nil {
		return false
	}
	l.remote.mu.Lock()
	defer l.remote.mu.Unlock()
	return l.remote.lost > 0
}

// giveBack has the charges refunded soon. Nobody waits for that, and more than a bounded number is lost: too much stays charged then, never too little.
func (r *remote) giveBack(charges []Charge) {
	if len(charges) == 0 {
		return
	}
	r.mu.Lock()
	n := min(len(charges), maxBack-len(r.back))
	r.back = append(r.back, charges[:n]...)
	r.mu.Unlock()
	for _, c := range charges[n:] {
		r.told(c.Zone.Name, Wasted, c.Result.Charged)
	}
}

// flush refunds what was given back.
func (r *remote) flush(ctx context.Context, timeout time.Duration) {
	r.mu.Lock()
	back := r.back
	r.back = nil
	r.mu.Unlock()
	if len(back) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for some := range slices.Chunk(back, 64) {
		fate := Returned
		if r.counter.each(ctx, opRefund, some) != nil {
			fate = Wasted
		}
		for _, c := range some {
			r.told(c.Zone.Name, fate, c.Result.Charged)
		}
	}
}

// told reports what became of leased tokens.
func (r *remote) told(zone string, f Fate, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.hooks); last > 0 && r.hooks[last-1].Tokens != nil {
		r.hooks[last-1].Tokens(zone, f, n)
	}
}

// changed counts the breakers that are open, and tells the newest limiter when the first opens and when the last closes.
func (r *remote) changed(c change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Change{Nodes: r.nodes.count()}
	switch c {
	case hasOpened:
		if r.lost++; r.lost > 1 {
			return
		}
		r.since, out.Lost = time.Now(), true
	case hasClosed:
		if r.lost--; r.lost > 0 {
			return
		}
		out.Lasted = time.Since(r.since)
	case unchanged:
		return
	}
	if n := len(r.hooks); n > 0 && r.hooks[n-1].Changed != nil {
		r.hooks[n-1].Changed(out)
	}
}

// resting tells whether one of the charges could not be asked now. Then none is, or the others would have to be taken back.
func (r *remote) resting(charges []Charge) bool {
	if len(r.link.gates) == 1 {
		return r.link.gates[0].rests(r.link.now())
	}
	for i := range charges {
		if r.link.rests(charges[i].key()) {
			return true
		}
	}
	return false
}
