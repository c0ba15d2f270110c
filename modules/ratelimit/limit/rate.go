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

const (
	maxQuota     = 1 << 38 // twice of it, which a debit may reach, leaves room for the period beside it in 63 bits
	maxLeases    = 100_000 // of one subject
	longestLease = 24 * time.Hour
)

// Kind is what a limit bounds.
type Kind uint8

const (
	Rate       Kind = iota // units in time, with a burst
	Quota                  // units in a calendar day or month
	Concurrent             // units held at the same time
)

// Period is a quota's.
type Period uint8

const (
	Day Period = iota
	Month
)

// Limit is what a zone measures. The zero value admits nothing. Limits are equal when they admit the same.
type Limit struct {
	kind     Kind
	period   Period
	interval int64 // of a rate: microseconds between two units, rounded up, so that never more than the rate is admitted; else 1
	capacity int64 // interval * burst
	expiry   int64 // of a Concurrent limit: microseconds after which a lease ends
	Burst    int64 // units that may come at once
}

// Kind tells what the limit bounds.
func (l Limit) Kind() Kind { return l.kind }

// NewQuota makes a limit of count units each calendar day or month in UTC, on the clock of who counts. All begin anew at its end.
// A count of 0 admits nothing.
func NewQuota(count int64, p Period) (Limit, error) {
	switch {
	case count < 0:
		return Limit{}, errors.New("a quota can't be negative")
	case count > maxQuota:
		return Limit{}, fmt.Errorf("a quota is at most %d", int64(maxQuota))
	case p != Day && p != Month:
		return Limit{}, errors.New("a quota is for a day or a month")
	}
	return Limit{kind: Quota, period: p, interval: 1, capacity: count, Burst: count}, nil
}

// NewConcurrent makes a limit of count leases at the same time. A lease that is not renewed ends after expiry. A count of 0 admits nothing.
func NewConcurrent(count int64, expiry time.Duration) (Limit, error) {
	switch {
	case count < 0 || count > maxLeases:
		return Limit{}, fmt.Errorf("leases at the same time are from 0 to %d", maxLeases)
	case expiry < time.Millisecond || expiry > longestLease:
		return Limit{}, fmt.Errorf("a lease lasts from 1ms to %s", longestLease)
	}
	return Limit{kind: Concurrent, interval: 1, capacity: count, expiry: expiry.Microseconds(), Burst: count}, nil
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
func (l Limit) Never() bool { return l.Burst == 0 }

// Window is how long a spent burst takes to be free again; of a quota the length of its period, at the longest; a Concurrent limit has none.
func (l Limit) Window() time.Duration {
	switch {
	case l.kind == Concurrent:
		return 0
	case l.kind == Quota && l.period == Day:
		return 24 * time.Hour
	case l.kind == Quota:
		return 31 * 24 * time.Hour
	}
	return micros(l.capacity)
}

// Expiry is how long a lease of a Concurrent limit lasts that is not renewed; 0 of other kinds.
func (l Limit) Expiry() time.Duration {
	if l.kind != Concurrent {
		return 0
	}
	return micros(l.expiry)
}

// String tells it to an operator.
func (l Limit) String() string {
	switch {
	case l.Never():
		return "none"
	case l.kind == Concurrent:
		return fmt.Sprintf("%d at the same time", l.Burst)
	case l.kind == Quota && l.period == Day:
		return fmt.Sprintf("%d a day", l.Burst)
	case l.kind == Quota:
		return fmt.Sprintf("%d a month", l.Burst)
	}
	return fmt.Sprintf("%d at once, one each %s", l.Burst, micros(l.interval))
}

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
