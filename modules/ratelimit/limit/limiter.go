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
		l.redis = newRedisCounter(o.Redis)
	}
	return l
}

// Take charges one unit of each zone, or nothing, and fills in the results. The zones' names differ. On a Redis Cluster it
// may reorder the charges.
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
	if l.redis.cluster {
		group(charges)
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

// never refuses what a zone refuses always.
func never(charges []Charge) bool {
	for i := range charges {
		if charges[i].Zone.Limit.Never() {
			skip(charges)
			charges[i].Result = Result{Refused: true, Wait: -1}
			return true
		}
	}
	return false
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
			charges[i].Result = local[n].Result
			n++
		}
	}
	return d
}

// group puts equal subjects side by side, otherwise in the order they had.
func group(charges []Charge) {
	for i := 1; i < len(charges); i++ {
		for j := range i {
			if charges[j].Subject == charges[i].Subject {
				c := charges[i]
				copy(charges[j+2:i+1], charges[j+1:i])
				charges[j+1] = c
				break
			}
		}
	}
}
