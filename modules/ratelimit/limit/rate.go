package limit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// longest is what a limit may remember: how long a spent burst takes to be free again.
const longest = 400 * 24 * time.Hour

// Limit is a rate with a burst. The zero value admits nothing.
type Limit struct {
	interval int64 // microseconds between two units at the rate; rounded up, so that never more than the rate is admitted
	capacity int64 // interval * burst
	Burst    int64
}

// New makes a limit of count units each period, of which burst may come at once. A count of 0 admits nothing, ever.
func New(count int64, period time.Duration, burst int64) (Limit, error) {
	switch {
	case count < 0 || burst < 0:
		return Limit{}, errors.New("a limit can't be negative")
	case count == 0:
		return Limit{}, nil
	case burst == 0:
		return Limit{}, errors.New("a burst of 0 admits nothing: say so with a rate of 0")
	case period < time.Millisecond || period > longest:
		return Limit{}, fmt.Errorf("the period is from 1ms to %s", longest)
	}
	us := period.Microseconds()
	if count > us {
		return Limit{}, errors.New("the rate is over 1,000,000 a second")
	}
	l := Limit{interval: (us + count - 1) / count, Burst: burst}
	if burst > longest.Microseconds()/l.interval {
		return Limit{}, fmt.Errorf("the burst takes longer than %s to be free again", longest)
	}
	l.capacity = l.interval * burst
	return l, nil
}

// Never tells whether the limit admits nothing.
func (l Limit) Never() bool { return l.interval == 0 }

// Window is how long a spent burst takes to be free again.
func (l Limit) Window() time.Duration { return time.Duration(l.capacity) * time.Microsecond }

// ParseRate reads a rate as 10/1m, 100/s or 1000/d: a count and a period. A period without a number is one of its unit.
func ParseRate(s string) (count int64, period time.Duration, err error) {
	n, p, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0, fmt.Errorf("rate %q: it is a count and a period, as 10/1m", s)
	}
	u, err := strconv.ParseUint(n, 10, 31)
	if err != nil {
		return 0, 0, fmt.Errorf("rate %q: the count is a whole number", s)
	}
	if p != "" && (p[0] < '0' || p[0] > '9') {
		p = "1" + p
	}
	if days, ok := strings.CutSuffix(p, "d"); ok {
		d, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, 0, fmt.Errorf("rate %q: the period is a duration as 1m", s)
		}
		period = time.Duration(d) * 24 * time.Hour
	} else if period, err = time.ParseDuration(p); err != nil {
		return 0, 0, fmt.Errorf("rate %q: the period is a duration as 1m", s)
	}
	if period < time.Millisecond || period > longest {
		return 0, 0, fmt.Errorf("rate %q: the period is from 1ms to %s", s, longest)
	}
	return int64(u), period, nil
}
