package limit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// State is what this process remembers. It outlives the Limiters that use it in turn.
type State struct {
	Memory *Memory

	mu      sync.Mutex
	remotes map[redis.UniversalClient]*remote
}

// NewState makes a state for about max keys, 0 means 1,000,000.
func NewState(max int, now func() time.Time) *State {
	return &State{Memory: NewMemory(max, now), remotes: map[redis.UniversalClient]*remote{}}
}

// Options of a Limiter. What is told by the functions must be taken without waiting.
type Options struct {
	Redis   redis.UniversalClient               // nil: all is counted in the state's memory
	Timeout time.Duration                       // for one question to Redis
	Observe func(took time.Duration, err error) // told of each question to Redis; nil for none
	Tokens  func(zone string, f Fate, n int64)  // told of leased tokens, by one of the limiters that share a Redis; nil for none
	Changed func(Change)                        // told, by one of the limiters that share a Redis, when it is lost and when it is back; nil for none
}

// Limiter asks all zones of one thing at once.
type Limiter struct {
	state  *State
	remote *remote // nil: there is no Redis
	once   sync.Once
	Options
}

// NewLimiter makes a limiter on the state. Close it.
func NewLimiter(s *State, o Options) *Limiter {
	l := &Limiter{state: s, Options: o}
	if o.Redis != nil {
		l.remote = s.attach(&l.Options)
	}
	return l
}

// Close ends what the limiter does by itself. It may be asked all the same, as by a socket that outlives its configuration.
func (l *Limiter) Close() {
	if l.remote != nil {
		l.once.Do(func() { l.state.detach(l.remote, &l.Options) })
	}
}

// Take charges what each zone is asked for, or nothing, and fills in the results. The zones' names differ.
func (l *Limiter) Take(ctx context.Context, charges []Charge) Decision {
	if len(charges) == 0 {
		return Decision{Allowed: true}
	}
	if never(charges) {
		return Decision{Source: FromMemory}
	}
	r := l.remote
	if r == nil {
		return Decision{Allowed: l.state.Memory.Take(charges), Source: FromMemory}
	}
	now := l.state.Memory.micros()
	if r.denied.refused(charges, now) {
		return Decision{Source: FromDenied}
	}
	if !plain(charges) {
		return l.takeMixed(ctx, charges)
	}
	if r.resting(charges) {
		return l.failure(charges)
	}
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	ok, err := l.ask(ctx, charges)
	if err != nil {
		return l.failure(charges)
	}
	if !ok {
		r.denied.remember(charges, now)
	}
	return Decision{Allowed: ok, Source: FromRedis}
}

// Refuses tells whether Take would refuse the charges, as far as this process knows without asking. It charges nothing, and leaves the charges as they are.
func (l *Limiter) Refuses(charges []Charge) bool {
	if len(charges) == 0 {
		return false
	}
	probe := slices.Clone(charges)
	if l.remote != nil {
		return l.remote.denied.refused(probe, l.state.Memory.micros())
	}
	l.state.Memory.Peek(probe)
	return slices.ContainsFunc(probe, func(c Charge) bool { return c.Result.Refused })
}

// never refuses what a zone refuses always: its limit admits nothing, or the cost is above its burst.
func never(charges []Charge) bool {
	for i := range charges {
		if c := &charges[i]; !c.Zone.Shadow && c.cost() > c.Zone.Limit.Burst {
			skip(charges)
			c.Result = Result{Refused: true, Wait: -1}
			return true
		}
	}
	return false
}

func skip(charges []Charge) {
	for i := range charges {
		charges[i].Result = Result{Skipped: true}
	}
}

// bounded is the time that Redis may take, by the timeout and by nothing else: a client that goes away is still charged.
func (l *Limiter) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), l.Timeout)
}

// ask asks Redis, in the time that ctx has.
func (l *Limiter) ask(ctx context.Context, charges []Charge) (bool, error) {
	start := time.Now()
	ok, err := l.remote.counter.take(ctx, charges)
	if l.Observe != nil && !errors.Is(err, ErrUnavailable) {
		l.Observe(time.Since(start), err)
	}
	return ok, err
}

// failure decides without Redis, as each zone says. A zone that counts here has this node's share of its limit.
func (l *Limiter) failure(charges []Charge) Decision {
	skip(charges)
	var space [8]Charge
	var index [8]int
	local, from := space[:0], index[:0]
	for i := range charges {
		switch charges[i].Zone.OnFailure {
		case Closed:
			if !charges[i].Zone.Shadow {
				return Decision{Unavailable: true, Source: FromFailure}
			}
		case Local:
			local, from = append(local, charges[i]), append(from, i)
		case Open: // admitted, not counted
		}
	}
	local = shared(local, l.remote.nodes.count())
	d := Decision{Allowed: l.state.Memory.Take(local), Source: FromFailure}
	for n, i := range from {
		charges[i].Result, charges[i].receipt = local[n].Result, local[n].receipt
	}
	return d
}
