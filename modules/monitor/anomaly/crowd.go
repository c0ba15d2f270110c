package anomaly

import (
	"github.com/caio/go-tdigest/v4"
)

const (
	generation = 50_000 // windows that one digest takes
	fewestSeen = 500    // windows before anything is said of how rare a value is
)

// crowd is how the values of one feature are spread over all subjects of a kind. It has two generations, so that it forgets.
type crowd struct {
	now, before *tdigest.TDigest
	seen        int
}

func digest() *tdigest.TDigest {
	// The options can't fail. A seed of its own makes replay give what was given live.
	d, err := tdigest.New(tdigest.Compression(100), tdigest.LocalRandomNumberGenerator(8))
	if err != nil {
		panic(err)
	}
	return d
}

func newCrowd() *crowd { return &crowd{now: digest()} }

func (c *crowd) learn(x float64) {
	if err := c.now.Add(x); err != nil {
		return // it takes every number; others there are none
	}
	if c.seen++; c.seen >= generation {
		c.now, c.before, c.seen = digest(), c.now, 0
	}
}

// tail is the share of windows with as much or more. False while too few are known.
func (c *crowd) tail(x float64) (float64, bool) {
	d, n := c.before, generation
	if d == nil {
		if d, n = c.now, c.seen; n < fewestSeen {
			return 1, false
		}
	}
	return max(1-d.CDF(x), 0.5/float64(n)), true
}
