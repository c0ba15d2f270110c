package anomaly

import (
	"math"
	"unsafe"
)

// What is measured of a window.
const (
	requests  = iota // and messages that it sent
	refused          // of them
	bytesOut         // what it was sent
	paths            // distinct
	resources        // distinct
	others           // distinct accounts of a client, addresses of an account
	changes          // requests that are neither GET nor HEAD
	failures         // logins and second factors that failed
	order            // how unexpected the order of its routes is, in nats
	features
)

// feature says how a measure is told and weighed.
type feature struct {
	words  string
	scale  float32 // makes it about 0 to 1
	weight float64 // how much it can say alone
	floor  float64 // the smallest deviation that is believed
	least  float64 // below that it says nothing
}

var all = [features]feature{
	requests:  {"requests", 1. / 12, .9, .5, 100},
	refused:   {"refused requests", 1. / 12, .95, .5, 20},
	bytesOut:  {"bytes sent to it", 1. / 24, .9, .7, 5 << 20},
	paths:     {"distinct paths", 1. / 10, .95, .4, 60},
	resources: {"distinct resources", 1. / 10, .95, .4, 40},
	others:    {"accounts or addresses", 1. / 8, .95, .35, 5},
	changes:   {"changes", 1. / 12, .9, .5, 40},
	failures:  {"failed logins", 1. / 10, .95, .4, 8},
	order:     {"order of routes", 1. / 8, .6, .5, 2},
}

const none = -1

// subject is what is kept of one client or account.
type subject struct {
	key        uint64
	prev, next int32 // in the order of use

	// Of windows that were learned from.
	windows   uint32
	mean, dev [features]float32 // of the logarithms; dev is a mean absolute deviation
	hours     [24]uint8         // when it is active; halved when one is full
	countries uint64            // hashed to a bit each

	// Of the window that it is in.
	window    int64 // its number since 1970; 0: none
	counts    [features]float32
	sketches  [3]sketch // of paths, resources, others
	met       uint64    // countries
	moves     float32   // surprise of its moves from route to route
	moved     uint16
	route     uint8 // the last one
	tainted   bool  // a rule saw an attack: nothing is learned
	judgeNext uint32
	told      int64 // the window of the last finding
}

// size is about what a subject takes, its place in the map included.
const size = int64(unsafe.Sizeof(subject{})) + 48

func (s *subject) begin(window int64) {
	s.window, s.counts, s.sketches, s.met, s.moves, s.moved, s.tainted, s.judgeNext = window, [features]float32{}, [3]sketch{}, 0, 0, 0, false, firstLook
}

// vector is what the window holds: logarithms of counts, and what is unexpected of the order.
func (s *subject) vector() (v [features]float32) {
	for i := range v {
		v[i] = float32(math.Log1p(float64(s.raw(i))))
	}
	v[order] = float32(s.raw(order))
	return v
}

func (s *subject) raw(i int) float64 {
	switch i {
	case paths, resources, others:
		return s.sketches[i-paths].count()
	case order:
		if s.moved < fewestMoves {
			return 0
		}
		return float64(s.moves) / float64(s.moved)
	}
	return float64(s.counts[i])
}

// learn takes the window into what is usual of the subject.
func (s *subject) learn(v *[features]float32) {
	gain := float32(max(slowest, 1/float64(s.windows+1)))
	for i, x := range v {
		if i == order && s.moved < fewestMoves {
			continue
		}
		off := x - s.mean[i]
		s.mean[i] += gain * off
		s.dev[i] += gain * (float32(math.Abs(float64(off))) - s.dev[i])
	}
	h := hourOf(s.window)
	if s.hours[h]++; s.hours[h] == math.MaxUint8 {
		for i := range s.hours {
			s.hours[i] /= 2
		}
	}
	s.countries |= s.met
	s.windows++
}

// newCountries is how many it was never seen from, where it was seen from any.
func (s *subject) newCountries() int {
	if s.countries == 0 {
		return 0
	}
	n := 0
	for fresh := s.met &^ s.countries; fresh != 0; fresh &= fresh - 1 {
		n++
	}
	return n
}

// oddHour tells whether it is hardly ever active at this time of the day.
func (s *subject) oddHour() bool {
	if s.windows < 20*warm {
		return false
	}
	sum, h := 0, hourOf(s.window)
	for _, n := range s.hours {
		sum += int(n)
	}
	near := int(s.hours[h]) + int(s.hours[(h+1)%24]) + int(s.hours[(h+23)%24])
	return sum > 0 && near*200 < sum
}

func hourOf(window int64) int { return int(window * windowLength / 3600 % 24) }
