package abuse

import (
	"cmp"
	"net/netip"
	"slices"
)

// Status is a score, for operators.
type Status struct {
	Client netip.Prefix // zero where it is a person's
	User   string       // an account's id
	Level  Level
	Score  float64 // divided by who shares the address
	Points float64 // not divided
	People int
}

// Status are the highest scores, at most so many.
func (t *Table) Status(most int) []Status {
	if t == nil {
		return nil
	}
	r, now := t.rules.Load(), t.micros()
	var all []Status
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.RLock()
		for k, e := range p.entries {
			if s := e.status(k, now, r); s.Points >= forgotten {
				all = append(all, s)
			}
		}
		p.mu.RUnlock()
	}
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Client.String(), b.Client.String()), cmp.Compare(a.User, b.User))
	})
	return all[:min(most, len(all))]
}

// Stats are what metrics tell of a table.
type Stats struct {
	Signals [signals]uint64      // counted here
	Levels  [len(levelNames)]int // scores by their level
}

// Stats counts how the table stands.
func (t *Table) Stats() (s Stats) {
	if t == nil {
		return s
	}
	for i := range s.Signals {
		s.Signals[i] = t.counted[i].Load()
	}
	r, now := t.rules.Load(), t.micros()
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.RLock()
		for k, e := range p.entries {
			s.Levels[r.of(k[0], e.perHead(now, &r.Config), e.level)]++
		}
		p.mu.RUnlock()
	}
	return s
}

// Client is the status of an address.
func (t *Table) Client(a netip.Addr) (s Status) {
	p, ok := client(a)
	if t == nil || !ok {
		return s
	}
	var space [32]byte
	if s, ok = t.find(clientBytes(space[:0], p)); !ok {
		s.Client, s.People = p, t.crowd.people(p)
	}
	return s
}

// User is the status of an account.
func (t *Table) User(id string) (s Status) {
	if t == nil || id == "" {
		return s
	}
	var space [96]byte
	s, _ = t.find(userBytes(space[:0], id))
	s.User = id
	return s
}

func (t *Table) find(b []byte) (Status, bool) {
	r := t.rules.Load()
	p := t.part(b)
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.entries[key(b)]
	if e == nil {
		return Status{}, false
	}
	return e.status(key(b), t.micros(), r), true
}

func (e *entry) status(k key, now int64, r *Rules) Status {
	s := Status{User: k.user(), Score: e.perHead(now, &r.Config), Points: e.total(now, &r.Config), People: e.people}
	s.Client, _ = k.client()
	s.Level = r.of(k[0], s.Score, e.level)
	return s
}

// Forget takes all points from a client, in the whole fleet.
func (t *Table) Forget(a netip.Addr) {
	if p, ok := client(a); ok && t != nil {
		var space [32]byte
		t.forget(clientBytes(space[:0], p))
	}
}

// ForgetUser takes all points from an account, in the whole fleet.
func (t *Table) ForgetUser(id string) {
	if t != nil && id != "" {
		var space [96]byte
		t.forget(userBytes(space[:0], id))
	}
}

func (t *Table) forget(b []byte) {
	r, now := t.rules.Load(), t.micros()
	p := t.part(b)
	p.mu.Lock()
	e := p.entries[key(b)]
	if e == nil { // others may know of it
		e = p.add(key(b), now, t.max, &r.Config)
	}
	e.touch(now, &r.Config)
	e.alter(change{is: true})
	e.until, e.asked = 0, 0
	t.wait(b, e)
	c, changed := e.turn(b, now, r)
	p.mu.Unlock()
	if changed && r.Changed != nil {
		r.Changed(c)
	}
}
