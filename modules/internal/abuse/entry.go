package abuse

// entry is one score. Its parts are as they stood at `at`, and decay from there.
type entry struct {
	shared  float64 // what all gateways know
	sending float64 // on its way to them
	own     float64 // noted here since
	led     float64 // what other sites' pages had browsers send: known here alone, and never a ban
	at      int64   // microseconds of the table's clock
	solved  int64   // when it last solved a puzzle; 0 never
	change  change  // what happens to the shared score before own is added
	people  int     // in good standing at the address
	level   Level   // as it was last told
	mine    bool    // what was noted here led to it
	asked   int64   // when its ban was last asked for; 0 never
	until   int64   // when its ban ends, as far as is known here
	seconds [signals]uint32
	waiting bool // to be sent
	// Whether those who it is sent to are told that it solved a puzzle.
	tellSolved bool
}

// change is done to a score: it is multiplied, and cut to a cap. The zero value changes nothing.
type change struct {
	is     bool
	factor float64
	cap    float64
}

func (c change) apply(score float64) float64 {
	if !c.is {
		return score
	}
	return min(score*c.factor, c.cap)
}

// after is both changes, one after the other.
func (c change) after(first change) change {
	switch {
	case !c.is:
		return first
	case !first.is:
		return c
	}
	return change{true, first.factor * c.factor, min(first.cap*c.factor, c.cap)}
}

// total is the score as it stands at now.
func (e *entry) total(now int64, c *Config) float64 {
	left := c.decay(micros(now - e.at))
	score := (e.shared + e.sending + e.own) * left
	if most := c.belowBan(e.people); e.led > 0 && score < most {
		score = min(score+e.led*left, most)
	}
	return score
}

// touch brings the parts to now.
func (e *entry) touch(now int64, c *Config) {
	if now <= e.at {
		return
	}
	f := c.decay(micros(now - e.at))
	e.shared, e.sending, e.own, e.led, e.at = e.shared*f, e.sending*f, e.own*f, e.led*f, now
}

// alter changes the score, here at once and for the others with what is sent next.
func (e *entry) alter(c change) {
	e.shared, e.sending, e.own, e.led = c.apply(e.shared), c.apply(e.sending), c.apply(e.own), c.apply(e.led)
	if sum := e.shared + e.sending + e.own + e.led; sum > c.cap {
		f := c.cap / sum
		e.shared, e.sending, e.own, e.led = e.shared*f, e.sending*f, e.own*f, e.led*f
	}
	e.change = c.after(e.change)
}

// counts tells whether the signal counts now, and notes that it did.
func (e *entry) counts(s Signal, now int64) bool {
	if !s.spaced() {
		return true
	}
	second := uint32(now/1e6) + 1 // 0: never
	if e.seconds[s] == second {
		return false
	}
	e.seconds[s] = second
	return true
}

// perHead is the score divided by who shares the address.
func (e *entry) perHead(now int64, c *Config) float64 {
	return e.total(now, c) / float64(1+e.people)
}
