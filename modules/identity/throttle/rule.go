package throttle

import (
	"errors"
	"time"
)

// Rule is how tries of one kind wait.
type Rule struct {
	Free    int           // wrong tries until the first wait, which the last of them begins
	First   time.Duration // the first wait; each after it is twice as long …
	Longest time.Duration // … up to this one; and after as long one try is forgotten
}

// Check refuses what would never let anybody in, or never stop anybody.
func (r Rule) Check() error {
	switch {
	case r.Free < 1 || r.Free > 10_000:
		return errors.New("the free tries must be between 1 and 10000")
	case r.First < time.Second || r.Longest < r.First || r.Longest > 24*time.Hour:
		return errors.New("the first wait must be at least 1s, and the longest between that and 24h")
	}
	return nil
}

// wait is what follows the try that is the nth in a row.
func (r Rule) wait(n int64) time.Duration {
	over := n - int64(r.Free)
	if over < 0 {
		return 0
	}
	w := r.First
	for ; over > 0 && w < r.Longest; over-- {
		w *= 2
	}
	return min(w, r.Longest)
}

// most is how high a count goes: beyond it nothing changes but how long it would take to be forgotten.
func (r Rule) most() int64 { return int64(r.Free) + 32 }

// count is what is stored of one key. Times are microseconds.
type count struct {
	n    int64 // wrong tries, those not forgotten
	last int64 // until when tries have been forgotten
	till int64 // no try before; 0 there is no wait
	open int64 // tries that are being looked at, and may turn out right
}

// at is the count at that time.
func (c count) at(now int64, r Rule) count {
	leak := r.Longest.Microseconds()
	if gone := (now - c.last) / leak; gone > 0 {
		c.n, c.last = max(0, c.n-gone), c.last+gone*leak
	}
	if c.n == 0 || c.last > now { // a clock that was set back forgets nothing and shuts out nobody for longer
		c.last = now
	}
	if longest := now + leak; c.till > longest {
		c.till = longest
	}
	return c
}

// charged is the count with one try more.
func (c count) charged(now int64, r Rule) count {
	c.n, c.open = min(c.n+1, r.most()), c.open+1
	c.till = 0
	if w := r.wait(c.n); w > 0 {
		c.till = now + w.Microseconds()
	}
	return c
}

// life is for how long the count matters.
func (c count) life(now int64, r Rule) time.Duration {
	us := c.n*r.Longest.Microseconds() - (now - c.last)
	return time.Duration(max(us, c.till-now))*time.Microsecond + time.Second
}
