package limit

import "time"

// moment is one reading of the clock that counts, both ways in microseconds: rates and leases go by one that only goes on, quotas by the calendar.
type moment struct{ steady, calendar int64 }

const dayLength = 24 * 60 * 60 * 1_000_000 // UTC has no other days on a POSIX clock

// ends is the day, counted from 1970, on which the quota's period begins anew.
func (p Period) ends(calendar int64) int64 {
	if p == Day {
		return calendar/dayLength + 1
	}
	y, m, _ := time.UnixMicro(calendar).UTC().Date()
	return time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}
