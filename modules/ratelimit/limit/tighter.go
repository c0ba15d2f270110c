package limit

// Tighter is the limit at a part of its rate, its burst or its leases: one by-th, and at least one unit. Its counter stays the same: what was charged at
// one is known at the other. A quota stays as it is.
func (l Limit) Tighter(by int64) Limit {
	if by <= 1 || l.Never() || l.kind == Quota {
		return l
	}
	l.Burst = max(1, l.Burst/by)
	if l.kind == Rate {
		l.interval = min(l.interval*by, longest.Microseconds())
		l.capacity = min(l.interval*l.Burst, longest.Microseconds())
	}
	return l
}
