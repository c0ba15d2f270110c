package limit

import "context"

// plain tells whether all zones are asked in Redis, each time.
func plain(charges []Charge) bool {
	for i := range charges {
		if charges[i].Zone.Mode == InProcess || charges[i].Zone.leased() {
			return false
		}
	}
	return true
}

// takeMixed charges zones of several modes, all or none: first what is counted here, then tokens, then what only Redis knows. What an earlier
// one gave comes back where a later one refuses; meanwhile others may find too little, and nobody too much.
func (l *Limiter) takeMixed(ctx context.Context, charges []Charge) Decision {
	var mine part
	for i := range charges {
		charges[i].Result = Result{}
		if charges[i].Zone.Mode == InProcess {
			mine.add(charges, i)
		}
	}
	if len(mine.charges) > 0 {
		ok := l.state.Memory.Take(mine.charges)
		if !ok {
			skip(charges)
		}
		mine.copyTo(charges)
		if !ok || len(mine.charges) == len(charges) {
			return Decision{Allowed: ok, Source: FromMemory}
		}
	}
	rest, wait := l.takeTokens(charges)
	if len(rest) == 0 {
		return Decision{Allowed: true, Source: FromLease}
	}
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	// While another request of the process takes new tokens, wait for them rather than ask too.
	for try := 0; wait != nil && try < 2; try++ {
		select {
		case <-wait:
		case <-ctx.Done():
		}
		if rest, wait = l.takeTokens(charges); len(rest) == 0 {
			return Decision{Allowed: true, Source: FromLease}
		}
	}
	d := l.takeRest(ctx, charges, rest)
	if !d.Allowed {
		l.takeBack(charges)
	}
	return d
}

func (p *part) copyTo(charges []Charge) {
	for n, i := range p.at {
		charges[i] = p.charges[n]
	}
}

// takeTokens uses tokens where there are enough, and gives the indices of what is still to be charged. wait ends when one of those may have tokens.
func (l *Limiter) takeTokens(charges []Charge) (rest []int, wait <-chan struct{}) {
	now := l.state.Memory.micros()
	for i := range charges {
		c := &charges[i]
		if c.Result.Charged > 0 || c.Zone.Mode == InProcess {
			continue
		}
		if c.Zone.leased() {
			ok, under := l.remote.pools.take(c, now)
			if ok {
				continue
			}
			if wait == nil {
				wait = under
			}
		}
		rest = append(rest, i)
	}
	return rest, wait
}

// takeRest asks Redis for what is left, together with new tokens.
func (l *Limiter) takeRest(ctx context.Context, charges []Charge, rest []int) Decision {
	r := l.remote
	some := part{}
	for _, i := range rest {
		some.add(charges, i)
	}
	if r.resting(some.charges) {
		return l.failMixed(charges, some)
	}
	now, nodes := l.state.Memory.micros(), r.nodes.count()
	extra := make([]int64, len(rest))
	more := false
	for n := range some.charges {
		if c := &some.charges[n]; c.Zone.leased() {
			extra[n] = r.pools.claim(c, now, nodes)
			c.Cost = c.cost() + extra[n]
			more = more || extra[n] > 0
		}
	}
	ok, err := l.ask(ctx, some.charges)
	if err == nil && !ok && more { // others took what was left: then without new tokens
		for n, i := range rest {
			some.charges[n].Cost = charges[i].Cost
		}
		more = false
		ok, err = l.ask(ctx, some.charges)
	}
	for n, i := range rest {
		c := &some.charges[n]
		c.Cost = charges[i].Cost
		switch {
		case !c.Zone.leased():
		case err != nil:
			r.pools.fail(c, extra[n])
		default:
			got := int64(0)
			if ok && more {
				got = extra[n]
				r.told(c.Zone.Name, Taken, got)
			}
			c.Result.Charged = min(c.Result.Charged, c.cost())
			r.pools.deposit(c, extra[n], got, now)
		}
	}
	if err != nil {
		return l.failMixed(charges, some)
	}
	some.copyTo(charges)
	if !ok {
		r.denied.remember(some.charges, now)
	}
	return Decision{Allowed: ok, Source: FromRedis}
}

// failMixed decides on those without Redis.
func (l *Limiter) failMixed(charges []Charge, some part) Decision {
	d := l.failure(some.charges)
	some.copyTo(charges)
	return d
}

// takeBack returns what was charged of a request that was refused.
func (l *Limiter) takeBack(charges []Charge) {
	var here, there []Charge
	now := l.state.Memory.micros()
	for i := range charges {
		c := &charges[i]
		if c.Result.Charged == 0 {
			continue
		}
		switch {
		case !c.receipt.redis:
			here = append(here, *c)
		case c.Zone.leased() && l.remote.pools.put(c, now):
		default:
			there = append(there, *c)
		}
		c.Result = Result{Skipped: true}
	}
	if len(here) > 0 {
		l.state.Memory.Refund(here)
	}
	l.remote.giveBack(there)
}
