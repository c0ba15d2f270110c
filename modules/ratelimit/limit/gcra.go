package limit

// What is kept of a key is one number, its value. Of a rate it is the theoretical arrival time, of a quota the units used and the period.
// A larger value of one limit always means less that is left, and 0 means that nothing was used. The level is what of the value counts now:
// of a rate the microseconds until its burst is free again, of a quota the units used, of leases how many there are. A charge is admitted where level
// and amount are within the capacity. The script limits.lua says the same.

// debt is how many capacities a level may reach: only a debit goes beyond one.
const debt = 2

// usedBits hold a quota's units beside its period.
const usedBits = 40

// amount is a cost in the level's units.
func (l Limit) amount(cost int64) int64 { return min(cost, debt*l.Burst) * l.interval }

// level of a value as it stands now. A key that was not heard of for long is full; one from a clock that was set back, or of a larger limit than
// today's, is no more in debt than it may be.
func (l Limit) level(value int64, now moment) int64 {
	if l.kind == Rate {
		return min(max(value-now.steady, 0), debt*l.capacity)
	}
	if value>>usedBits < l.period.ends(now.calendar) {
		return 0
	}
	return min(value&(1<<usedBits-1), debt*l.capacity)
}

// value is the inverse.
func (l Limit) value(level int64, now moment) int64 {
	switch {
	case level == 0:
		return 0
	case l.kind == Rate:
		return now.steady + level
	}
	return l.period.ends(now.calendar)<<usedBits | level
}

// reset is the time until the level is 0 by itself.
func (l Limit) reset(level int64, now moment) int64 {
	if l.kind == Rate {
		return level
	}
	return l.period.ends(now.calendar)*dayLength - now.calendar
}

// wait is the time until an amount is admitted, 0: now, -1: never.
func (l Limit) wait(level, amount, reset int64) int64 {
	over := level + amount - l.capacity
	switch {
	case amount > l.capacity:
		return -1
	case over <= 0:
		return 0
	case l.kind == Rate:
		return over
	}
	return reset
}

// left is the units that a level leaves.
func (l Limit) left(level int64) int64 {
	if l.interval == 0 {
		return 0
	}
	return max(0, l.capacity-level) / l.interval
}

// tell fills in what a zone says of a charge that must wait so long. The level is that before the charge.
func (c *Charge) tell(level, reset, wait int64) {
	c.Result = Result{Remaining: c.Zone.Limit.left(level), Reset: micros(reset), Wait: micros(wait)}
	if wait < 0 {
		c.Result.Wait = -1
	}
	c.Result.Refused = wait != 0 && !c.Zone.Shadow
	c.Result.Shadowed = wait != 0 && c.Zone.Shadow
}

// credit is what Refund may give back, in the level's units: what of the charge has not leaked since, worked out as if all that was charged before it had
// stayed. So who holds one request open until the burst is whole gains nothing by its return; who holds many, and has some returned before others,
// at most what another of the same limit would have (TestRefundsAreFair).
func (c *Charge) credit(now int64) int64 {
	elapsed := now - c.receipt.at
	switch reset := c.Result.Reset.Microseconds() - elapsed; {
	case c.Result.Charged == 0:
		return 0
	case c.Zone.Limit.kind == Concurrent:
		return 1
	case reset <= 0:
		return 0
	case c.Zone.Limit.kind == Rate:
		return min(c.Zone.Limit.amount(c.Result.Charged), reset)
	}
	return c.Result.Charged
}
