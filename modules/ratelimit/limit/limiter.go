package limit

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// State is what this process remembers. It outlives the Limiters that use it in turn.
type State struct {
	Memory *Memory
	denied *denied
	redis  breaker
}

// NewState makes a state for about max keys, 0 means 1,000,000.
func NewState(max int, now func() time.Time) *State {
	return &State{Memory: NewMemory(max, now), denied: newDenied()}
}

// Options of a Limiter.
type Options struct {
	Redis   redis.UniversalClient               // nil: all is counted in the state's memory
	Timeout time.Duration                       // for one question to Redis
	Observe func(took time.Duration, err error) // told of each question to Redis; nil for none
}

// Limiter asks all zones of one thing at once.
type Limiter struct {
	state *State
	redis *redisCounter // nil: there is none
	Options
}

// NewLimiter makes a limiter on the state.
func NewLimiter(s *State, o Options) *Limiter {
	l := &Limiter{state: s, Options: o}
	if o.Redis != nil {
		l.redis = newRedisCounter(o.Redis, s.Memory.micros)
	}
	return l
}

// Take charges what each zone is asked for, or nothing, and fills in the results. The zones' names differ.
func (l *Limiter) Take(ctx context.Context, charges []Charge) Decision {
	if len(charges) == 0 {
		return Decision{Allowed: true}
	}
	if never(charges) {
		return Decision{Source: FromMemory}
	}
	if l.redis == nil {
		return Decision{Allowed: l.state.Memory.Take(charges), Source: FromMemory}
	}
	now := l.state.Memory.micros()
	if l.state.denied.refused(charges, now) {
		return Decision{Source: FromDenied}
	}
	if !l.state.redis.allow(now) {
		return l.failure(charges)
	}
	ok, err := l.ask(ctx, charges)
	if err != nil {
		l.state.redis.failed(l.state.Memory.micros())
		return l.failure(charges)
	}
	l.state.redis.succeeded()
	if !ok {
		l.state.denied.remember(charges, now)
	}
	return Decision{Allowed: ok, Source: FromRedis}
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

// ask bounds the question by the timeout, and by nothing else: a client that goes away is still charged.
func (l *Limiter) ask(ctx context.Context, charges []Charge) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Timeout)
	defer cancel()
	start := time.Now()
	ok, err := l.redis.take(ctx, charges)
	if l.Observe != nil {
		l.Observe(time.Since(start), err)
	}
	return ok, err
}

// failure decides without Redis, as each zone says.
func (l *Limiter) failure(charges []Charge) Decision {
	skip(charges)
	var space [8]Charge
	local := space[:0]
	for i := range charges {
		switch charges[i].Zone.OnFailure {
		case Closed:
			return Decision{Unavailable: true, Source: FromFailure}
		case Local:
			local = append(local, charges[i])
		case Open: // admitted, not counted
		}
	}
	d := Decision{Allowed: l.state.Memory.Take(local), Source: FromFailure}
	for i, n := 0, 0; i < len(charges) && n < len(local); i++ {
		if charges[i].Zone.OnFailure == Local {
			charges[i] = local[n]
			n++
		}
	}
	return d
}
