package limit

// state is a key's theoretical arrival time as it stands at now: a key that was not heard of for long is full, one from a clock that
// was set back (or from a larger burst than today's) is empty, not more than empty.
func (l Limit) state(tat, now int64) int64 { return min(max(tat, now), now+l.capacity) }

// charge is the algorithm: the time after one more unit, and how far that is beyond what is allowed; the unit is admitted when
// over is not positive. The script gcra.lua says the same.
func (l Limit) charge(tat, now int64) (next, over int64) {
	next = l.state(tat, now) + l.interval
	return next, next - now - l.capacity
}

// result of a charge, from the time at which the key is full again and how long the next unit must wait.
func (l Limit) result(tat, now, wait int64) Result {
	free := l.capacity - (tat - now)
	return Result{Remaining: free / l.interval, Reset: micros(tat - now), Wait: micros(wait)}
}
