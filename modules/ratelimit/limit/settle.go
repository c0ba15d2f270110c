package limit

import (
	"context"
	"errors"
	"time"
)

// Refund gives back what Take charged, as far as it has not come back by itself, and ends leases. It never makes more than a full burst.
func (l *Limiter) Refund(ctx context.Context, charges []Charge) error {
	now := l.state.Memory.micros()
	for i := range charges {
		c := &charges[i]
		if c.Result.Charged > 0 && c.receipt.redis && c.Zone.leased() && l.remote.pools.put(c, now) {
			c.Result.Charged = 0
		}
	}
	err := l.settle(ctx, opRefund, charges, func(c *Charge) (here, there bool) {
		due := c.Result.Charged > 0 && c.credit(now) > 0
		return due && !c.receipt.redis, due && c.receipt.redis
	})
	for i := range charges {
		charges[i].Result.Charged = 0 // nothing comes back twice
		if charges[i].Zone.Limit.kind == Concurrent && l.remote != nil {
			l.remote.denied.forget(&charges[i]) // here is room now
		}
	}
	return err
}

// Debit charges what was used already, without asking, into a debt of at most one more burst. It leaves the results as they are.
func (l *Limiter) Debit(ctx context.Context, charges []Charge) error {
	return l.settle(ctx, opDebit, charges, l.where)
}

// Renew has the leases of Concurrent limits last for a whole expiry from now. One that had ended is held again, whatever the limit says:
// who renews it still has what it stands for. What Take did not charge is not renewed.
func (l *Limiter) Renew(ctx context.Context, charges []Charge) error {
	return l.settle(ctx, opRenew, charges, func(c *Charge) (here, there bool) {
		due := c.Result.Charged > 0 && c.Zone.Limit.kind == Concurrent
		return due && !c.receipt.redis, due && c.receipt.redis
	})
}

// Peek fills in what Take would say, and charges nothing. The results of what Redis could not be asked for are Skipped.
func (l *Limiter) Peek(ctx context.Context, charges []Charge) error {
	skip(charges)
	return l.settle(ctx, opPeek, charges, l.where)
}

// where tells where a zone is counted.
func (l *Limiter) where(c *Charge) (here, there bool) {
	here = l.remote == nil || c.Zone.Mode == InProcess
	return here, !here
}

// part is some of a call's charges, and where they are in it.
type part struct {
	charges []Charge
	at      []int
}

func (p *part) add(charges []Charge, i int) {
	p.charges, p.at = append(p.charges, charges[i]), append(p.at, i)
}

// tell brings the results to the whole.
func (p *part) tell(charges []Charge) {
	for n, i := range p.at {
		charges[i].Result = p.charges[n].Result
	}
}

// settle does an operation that nothing can refuse, on the charges that are counted here and on those that are counted in Redis.
func (l *Limiter) settle(ctx context.Context, op byte, charges []Charge, where func(*Charge) (here, there bool)) error {
	var mine, theirs part
	for i := range charges {
		here, there := where(&charges[i])
		if here {
			mine.add(charges, i)
		}
		if there {
			theirs.add(charges, i)
		}
	}
	var err error
	if len(theirs.charges) > 0 {
		err = l.each(ctx, op, theirs.charges)
	}
	if err != nil && op == opDebit {
		for i := range theirs.charges { // so that the count that stands in for Redis's knows
			if theirs.charges[i].Zone.OnFailure == Local {
				mine.add(theirs.charges, i)
			}
		}
	}
	if len(mine.charges) > 0 {
		if l.remote != nil { // what was counted here for Redis had this node's share of the limit
			mine.charges = shared(mine.charges, l.remote.nodes.count())
		}
		l.state.Memory.do(op, mine.charges)
	}
	if op == opPeek {
		mine.tell(charges)
		theirs.tell(charges)
	}
	return err
}

// each runs the operation in Redis, in the time that a question may take.
func (l *Limiter) each(ctx context.Context, op byte, charges []Charge) error {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	start := time.Now()
	err := l.remote.counter.each(ctx, op, charges)
	if l.Observe != nil && !errors.Is(err, ErrUnavailable) {
		l.Observe(time.Since(start), err)
	}
	return err
}
