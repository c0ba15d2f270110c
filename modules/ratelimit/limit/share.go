package limit

// share is a node's part of the limit while each of n nodes counts for itself. A burst that does not divide leaves each node one unit at least,
// and what is asked of it at once, for else nobody would be admitted: then n nodes admit more than the burst together, and no more
// than the rate.
func (l Limit) share(n, cost int64) Limit {
	if n <= 1 {
		return l
	}
	l.Burst = max(1, l.Burst/n, min(cost, l.Burst))
	if l.kind == Rate {
		l.interval = min(l.interval*n, longest.Microseconds()/l.Burst)
	}
	l.capacity = l.interval * l.Burst
	return l
}

// shared is the charges as this node counts them while Redis is away. What is always counted here keeps its limit.
func shared(charges []Charge, n int64) []Charge {
	out := make([]Charge, 0, len(charges))
	zones := make([]Zone, len(charges))
	for i, c := range charges {
		zones[i] = *c.Zone
		if zones[i].Mode != InProcess {
			zones[i].Limit = c.Zone.Limit.share(n, c.cost())
		}
		c.Zone = &zones[i]
		out = append(out, c)
	}
	return out
}
