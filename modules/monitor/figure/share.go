package figure

import (
	"math"
	"slices"
	"time"
)

// Share is how many of so many. What 1 of 1 says is little: Low and High bound the true share, 19 times of 20.
type Share struct {
	N  int64 `json:"n"`
	Of int64 `json:"of"`
}

// Known tells whether there was anything.
func (s Share) Known() bool { return s.Of > 0 }

// Value is the share, 0 to 1; NaN where there was nothing.
func (s Share) Value() float64 {
	if s.Of <= 0 {
		return math.NaN()
	}
	return float64(s.N) / float64(s.Of)
}

// Bounds are those of Wilson's interval (E. B. Wilson, 1927) at 95%; 0 and 1 where there was nothing.
func (s Share) Bounds() (low, high float64) {
	if s.Of <= 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(s.Of), s.Value()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}

// Times are durations that were measured. Few of them are long, so the middle one says more than the mean.
type Times struct {
	N      int           `json:"n"`
	Mean   time.Duration `json:"mean_ns"`
	Median time.Duration `json:"median_ns"`
	P90    time.Duration `json:"p90_ns"`
	Open   int           `json:"open"` // that have not ended yet, and so are in none of these
}

// timesOf sums up.
func timesOf(all []time.Duration, open int) Times {
	t := Times{N: len(all), Open: open}
	if t.N == 0 {
		return t
	}
	slices.Sort(all)
	var sum float64
	for _, d := range all {
		sum += float64(d)
	}
	t.Mean, t.Median, t.P90 = time.Duration(sum/float64(t.N)), middle(all), all[min(t.N-1, int(math.Ceil(.9*float64(t.N)))-1)]
	return t
}

// middle is the median of what is sorted.
func middle(all []time.Duration) time.Duration {
	n := len(all)
	if n%2 == 1 {
		return all[n/2]
	}
	return all[n/2-1]/2 + all[n/2]/2 + (all[n/2-1]%2+all[n/2]%2)/2
}
