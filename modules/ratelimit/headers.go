package ratelimit

import (
	"net/http"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Fields of draft-ietf-httpapi-ratelimit-headers-11, in the spelling of http.Header. Both are Lists of RFC 9651 whose items are named by the zone.
//
// No partition key (pk) is sent: it would tell apart what is counted apart, which is the client's address, its user or its role, and whoever
// sees an answer would learn to follow them.
const (
	policyField = "Ratelimit-Policy"
	limitField  = "Ratelimit"
)

// maxInteger is the largest number that is told: a structured field may have one of 15 digits, but parsers are about that stumble over it.
const maxInteger = 99_999_999_999_999

// policyOf is a zone's item of RateLimit-Policy. The name is a zone's, of letters, digits, - and _, so it needs no escapes. bytes is how many bytes a
// unit is, 0 where units are no bytes.
func policyOf(name string, l limit.Limit, bytes int64) string {
	b := append([]byte{'"'}, name...)
	b = append(b, `";q=`...)
	b = strconv.AppendInt(b, inUnits(l.Burst, bytes), 10)
	switch {
	case l.Kind() == limit.Concurrent:
		return string(append(b, `;qu="concurrent-requests"`...)) // it has no window
	case bytes > 0:
		b = append(b, `;qu="content-bytes"`...)
	}
	b = append(b, ";w="...)
	b = strconv.AppendInt(b, max(1, seconds(l.Window())), 10)
	return string(b)
}

// inUnits is a count of the zone's units in the quota units of the draft.
func inUnits(n, bytes int64) int64 {
	if n = max(0, n); bytes > 1 {
		if n > maxInteger/bytes {
			return maxInteger
		}
		n *= bytes
	}
	return min(n, maxInteger)
}

// announce tells the client the limits that apply and where it stands.
func announce(h http.Header, charges []limit.Charge, allowed bool) {
	var space [1024]byte
	policies, states := space[:0:512], space[512:512]
	for i := range charges {
		c := &charges[i]
		if c.Result.Skipped || c.Zone.Policy == "" {
			continue // not counted, or not told
		}
		if len(policies) > 0 {
			policies, states = append(policies, ", "...), append(states, ", "...)
		}
		policies = append(policies, c.Zone.Policy...)
		states = append(states, '"')
		states = append(states, c.Zone.Name...)
		states = append(states, `";r=`...)
		states = strconv.AppendInt(states, inUnits(c.Result.Remaining, aboutOf(c.Zone).bytes), 10)
		if t := window(c, allowed); t >= 0 {
			states = append(states, ";t="...)
			states = strconv.AppendInt(states, t, 10)
		}
	}
	if len(policies) == 0 {
		return
	}
	n := len(policies)
	both := string(append(policies, states...))
	add(h, policyField, both[:n])
	add(h, limitField, both[n:])
}

// add adds a value to a field, of which there mostly is none yet.
func add(h http.Header, field, value string) {
	if old := h[field]; old != nil {
		h[field] = append(old, value)
		return
	}
	h[field] = []string{value}
}

// window is the effective window t: the seconds within which the client can use no more than what remains; below 0: there is none to tell.
//
// Where nothing remains it ends when one unit is free again, and of a refusal it is the zone's own wait: never after Retry-After, which is the
// longest of them; a zone that has not refused tells none then, since its window may end later (section 6). Where something remains, it is at least
// the time in which the rate gives as much, so that who divides one by the other finds the rate, not a multiple of it (section 8.5).
func window(c *limit.Charge, allowed bool) int64 {
	l, res := &c.Zone.Limit, &c.Result
	switch {
	case l.Kind() == limit.Concurrent, l.Never():
		return -1 // nobody knows when one ends
	case res.Refused && res.Wait > 0:
		return seconds(res.Wait)
	case res.Refused, !allowed:
		return -1
	}
	whole, left := l.Window(), max(0, res.Remaining)
	// A month's quota times its seconds is beyond 63 bits.
	pace := time.Duration(float64(whole) * (float64(left) / float64(l.Burst)))
	next := res.Reset
	if l.Kind() == limit.Rate {
		next = res.Reset - whole + time.Duration(left+1)*(whole/time.Duration(l.Burst))
	}
	return seconds(max(next, pace, 0))
}
