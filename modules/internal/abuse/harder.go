package abuse

import (
	"math"
	"net/netip"
)

// mostHarder bounds it: a phone is not to work for minutes, whatever its neighbours do.
const mostHarder = 4

// Harder is how many bits more work a challenge is to be than the first one: two for each time that the score doubles beyond the score of
// challenges, up to four.
func (t *Table) Harder(a netip.Addr) int {
	if t == nil {
		return 0
	}
	from := t.rules.Load().Challenge
	if from <= 0 {
		return 0
	}
	score := t.Score(a)
	if score <= from {
		return 0
	}
	return int(min(2*math.Log2(score/from), mostHarder))
}
