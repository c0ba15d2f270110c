package abuse

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Config is what an operator chooses.
type Config struct {
	Points   [signals]float64 // by Signal; 0: it does not count
	HalfLife time.Duration    // in which a score halves
	// From which scores on a client is at a level; 0: never.
	Tight, Challenge, Ban float64
	// How long the first ban of a client lasts; each further one six times as long, up to Longest.
	First, Longest time.Duration
}

// Defaults let people mistype a few times, or meet a false alarm of the WAF or two, without notice. A scanner is banned after fifteen
// attacks within a few minutes, if it solves the puzzle that it is asked for after five; a client that hammers at a limit after three minutes.
func Defaults() Config {
	return Config{
		Points:   [signals]float64{Limited: 1, Attack: 10, Login: 3, Token: 2, Challenge: 3},
		HalfLife: 10 * time.Minute,
		Tight:    20, Challenge: 50, Ban: 150,
		First: 10 * time.Minute, Longest: 24 * time.Hour,
	}
}

// Bounds of what can be configured.
const (
	mostPoints    = 1e6
	leastHalfLife = 10 * time.Second
	mostHalfLife  = 30 * 24 * time.Hour
	leastBan      = 10 * time.Second
	mostBan       = 366 * 24 * time.Hour
)

// Check refuses what can't work.
func (c Config) Check() error {
	for s, p := range c.Points {
		if !(p >= 0 && p <= mostPoints) {
			return fmt.Errorf("points of %s: they are from 0 to %.0f", Signal(s), mostPoints)
		}
	}
	if c.HalfLife < leastHalfLife || c.HalfLife > mostHalfLife {
		return fmt.Errorf("half_life: it is from %s to %s", leastHalfLife, mostHalfLife)
	}
	last := 0.0
	for _, score := range []float64{c.Tight, c.Challenge, c.Ban} {
		if score == 0 {
			continue
		}
		if !(score > last && score <= mostPoints) {
			return fmt.Errorf("the scores of tight, challenge and ban must rise, and be above 0 and at most %.0f", mostPoints)
		}
		last = score
	}
	if c.Ban != 0 && (c.First < leastBan || c.Longest < c.First || c.Longest > mostBan) {
		return errors.New("ban: the first time is at least 10s, the longest no shorter than the first and at most 8784h")
	}
	return nil
}

// growth is how many times as long the next ban is.
const growth = 6

// BanFor is how long a ban lasts of a client that was banned so many times before.
func (c Config) BanFor(before int) time.Duration {
	for d := c.First; ; d *= growth {
		if before <= 0 {
			return min(d, c.Longest)
		}
		if d > c.Longest/growth {
			return c.Longest
		}
		before--
	}
}

// staying is the share of a level's score down to which a client stays at it, so that nobody goes back and forth with every point.
const staying = 0.75

// level is where a score puts a client that is at the level was.
func (c Config) level(score float64, was Level) Level {
	at := func(from float64, l Level) bool {
		return from > 0 && (score >= from || was >= l && score >= from*staying)
	}
	switch {
	case c.Ban > 0 && score >= c.Ban: // a ban has its own time
		return Banned
	case at(c.Challenge, Challenged):
		return Challenged
	case at(c.Tight, Tight):
		return Tight
	}
	return None
}

// belowBan is the highest score that is none to ban for, of an address that so many people share.
func (c Config) belowBan(people int) float64 {
	if c.Ban == 0 {
		return math.Inf(1)
	}
	return c.Ban * 0.999 * float64(1+people)
}

// decay is what is left of 1 after a while.
func (c Config) decay(after time.Duration) float64 {
	if after <= 0 {
		return 1
	}
	return math.Exp2(-float64(after) / float64(c.HalfLife))
}
