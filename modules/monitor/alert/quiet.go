package alert

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known also where the system has none

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Quiet are hours in which a channel is told of critical incidents alone. What comes meanwhile is told, together, at their end.
type Quiet struct {
	from, to int // minutes of the day; to may be before from: over midnight
	zone     *time.Location
}

// ParseQuiet reads hours as 22:00-07:00, and a zone as Europe/Berlin.
func ParseQuiet(hours, zone string) (*Quiet, error) {
	a, b, ok := strings.Cut(hours, "-")
	from, err1 := minutes(a)
	to, err2 := minutes(b)
	if !ok || err1 != nil || err2 != nil || from == to {
		return nil, fmt.Errorf("quiet: %q are no hours as 22:00-07:00", hours)
	}
	if zone == "" || zone == "Local" {
		return nil, errors.New("quiet: name the zone, as Europe/Berlin or UTC")
	}
	l, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("quiet: %q is no zone as Europe/Berlin", zone)
	}
	return &Quiet{from, to, l}, nil
}

func minutes(s string) (int, error) {
	h, m, ok := strings.Cut(s, ":")
	hours, err1 := strconv.Atoi(h)
	mins, err2 := strconv.Atoi(m)
	if !ok || len(m) != 2 || err1 != nil || err2 != nil || hours < 0 || hours > 23 || mins < 0 || mins > 59 {
		return 0, errors.New("no time of day")
	}
	return hours*60 + mins, nil
}

// until is when an alert of that level may be sent that is due at t: t itself, or the end of the quiet hours.
func (q *Quiet) until(t time.Time, level finding.Level) time.Time {
	if q == nil || level >= finding.Critical {
		return t
	}
	local := t.In(q.zone)
	now := local.Hour()*60 + local.Minute()
	day := local.Day()
	switch {
	case q.from < q.to && now >= q.from && now < q.to, q.from > q.to && now < q.to:
	case q.from > q.to && now >= q.from:
		day++
	default:
		return t
	}
	// By the clock on the wall: a night in which it is set is an hour longer or shorter.
	return time.Date(local.Year(), local.Month(), day, q.to/60, q.to%60, 0, 0, q.zone)
}
