package limit

// Refund gives back what was charged here, as far as it has not come back by itself. Of a key that was forgotten nothing comes back.
func (m *Memory) Refund(charges []Charge) {
	m.settle(charges, func(c *Charge, p *place, now moment) {
		l := c.Zone.Limit
		switch credit := c.credit(now.steady); {
		case l.kind == Concurrent:
			m.release(c, p)
		case p.cell == nil || p.level == 0 || l.kind == Quota && l.period.ends(now.calendar) != c.receipt.end/dayLength:
		default:
			p.cell.value = l.value(max(0, p.level-credit), now)
		}
	})
}

// Debit charges what was used already.
func (m *Memory) Debit(charges []Charge) {
	m.settle(charges, func(c *Charge, p *place, now moment) {
		if l := c.Zone.Limit; l.kind != Concurrent && !l.Never() {
			m.write(c, p, min(p.level+l.amount(c.cost()), debt*l.capacity), now)
		}
	})
}

// Renew has leases last for their expiry from now.
func (m *Memory) Renew(charges []Charge) {
	m.settle(charges, func(c *Charge, p *place, now moment) {
		if c.Zone.Limit.kind == Concurrent {
			m.hold(c, p, now)
		}
	})
}

// settle does something to each charge that nothing can refuse.
func (m *Memory) settle(charges []Charge, do func(*Charge, *place, moment)) {
	var space [8]place
	places, locked := m.locate(charges, space[:0])
	defer m.unlock(locked)
	now := m.moment()
	for i := range places {
		m.see(&charges[i], &places[i], now)
		do(&charges[i], &places[i], now)
	}
}

// hold takes or renews a lease. The shard is locked.
func (m *Memory) hold(c *Charge, p *place, now moment) {
	h := p.shard.held[p.key]
	if h == nil {
		look := 2 // at others, so that what nobody asks for any more goes
		for k := range p.shard.held {
			if m.sweep(p.shard, k, now); look == 0 {
				break
			}
			look--
		}
		h = &holders{at: map[Lease]int{}}
		p.shard.held[p.key] = h
	}
	if h.hold(c.Lease, now.steady+c.Zone.Limit.expiry) {
		m.leases.Add(1)
		p.level++
	}
}

// sweep drops the leases of a key that have ended.
func (m *Memory) sweep(s *shard, k key, now moment) {
	if h := s.held[k]; h != nil {
		m.leases.Add(-int64(h.sweep(now.steady)))
		s.forget(k, h)
	}
}

// release ends a lease.
func (m *Memory) release(c *Charge, p *place) {
	if h := p.shard.held[p.key]; h != nil && h.end(c.Lease) {
		m.leases.Add(-1)
		p.shard.forget(p.key, h)
	}
}

func (s *shard) forget(k key, h *holders) {
	if len(h.list) == 0 {
		delete(s.held, k)
	}
}

// do is one of the operations but opTake.
func (m *Memory) do(op byte, charges []Charge) {
	switch op {
	case opPeek:
		m.Peek(charges)
	case opRefund:
		m.Refund(charges)
	case opDebit:
		m.Debit(charges)
	case opRenew:
		m.Renew(charges)
	}
}
