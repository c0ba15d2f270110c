package anomaly

import "math"

const (
	bin     = 300 // seconds
	perDay  = 86400 / bin
	warmUp  = 2 * perDay // bins before anything is said
	farGap  = 2 * perDay // bins without events after which it begins anew
	levelA  = 0.02       // how fast the level follows
	trendB  = 0.001
	seasonG = 0.15
	noiseA  = 0.02
	mostOff = 1.5 // deviations that are learned of what is further off
	least   = 0.1 // the smallest deviation that is believed, of logarithms: 10 %
)

// season forecasts one series of counts by Holt-Winters, additive over logarithms, with a season of a day.
type season struct {
	level, trend, noise float64
	day                 [perDay]float64
	bins                int // seen
}

// close takes the count of a bin (of its number since 1970), and tells how far it is from what was forecast, in deviations and as a factor; 0
// while it warms up. What is far off is learned from as if it were less so.
func (s *season) close(number int64, count float64) (deviations, factor float64) {
	y, i := math.Log1p(count), number%perDay
	if s.bins++; s.bins <= perDay { // the first day is the season
		s.day[i] = y
		if s.bins == perDay {
			s.begin()
		}
		return 0, 0
	}
	off := y - (s.level + s.trend + s.day[i])
	sd := max(s.noise, least)
	if s.bins > warmUp {
		deviations, factor = off/sd, math.Exp(off)
		off = min(max(off, -mostOff*sd), mostOff*sd)
	}
	s.noise = noiseA*math.Abs(off)*1.25 + (1-noiseA)*s.noise // of a normal distribution, the deviation is 1.25 times the mean absolute one
	s.day[i] += seasonG * (1 - levelA) * off
	s.level += s.trend + levelA*off
	s.trend += levelA * trendB * off
	return deviations, factor
}

func (s *season) begin() {
	for _, y := range s.day {
		s.level += y / perDay
	}
	for i := range s.day {
		s.day[i] -= s.level
	}
	s.noise = 0.3
}
