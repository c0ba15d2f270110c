package figure

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Values are numbers by their names. All of them are counts, or sums of whole numbers, so that those of two times, or of two nodes, are added.
type Values map[string]int64

// Names of values. Those that end in a dot are followed by a word of the gateway's own: a part, a level. None is by a client.
const (
	Requests = "requests"  // that ended, sockets included
	Passed   = "passed"    // what the back end, or the portal, answered
	Asked    = "asked"     // somebody was asked for something first: to sign in, for a second factor, for a puzzle
	Refused  = "refused"   // by the gateway
	Failed   = "failed"    // by the gateway's own fault
	Backend  = "backend"   // the back end failed, or could not be reached
	Gone     = "gone"      // the client left before the answer
	By       = "refused."  // by part
	FailedBy = "failed."   // by part
	Decided  = "decided"   // the policy was asked about a request
	Unlisted = "unlisted"  // of these: no route names the path
	Route    = "route."    // requests by the configured route; of days alone
	Logins   = "logins"    // that succeeded
	NoLogin  = "no_login"  // that failed, or were refused
	NoFactor = "no_factor" // second factors that were wrong
	NoToken  = "no_token"  // requests with a bad token
	Findings = "findings"
	Finding  = "finding."   // by level
	Opened   = "incidents." // by level
	Applied  = "responses"
	Lost     = "lost" // events that found no place, which are in no figure
	Up       = "up"   // microseconds
	Cost     = "cost."
	OfAll    = "all" // of Cost: all parts together
)

// Add adds others.
func (v Values) Add(others Values) {
	for name, n := range others {
		v[name] += n
	}
}

// Of are the values whose names begin so, by the rest of their names.
func (v Values) Of(prefix string) Values {
	of := Values{}
	for name, n := range v {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			of[rest] = n
		}
	}
	return of
}

// Largest are the names, those of the greatest values first.
func (v Values) Largest() []string {
	return slices.SortedFunc(maps.Keys(v), func(a, b string) int {
		switch {
		case v[a] != v[b]:
			if v[a] > v[b] {
				return -1
			}
			return 1
		default:
			return strings.Compare(a, b)
		}
	})
}

// text is how the database keeps them.
func (v Values) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if v[name] != 0 {
			b.WriteString(strconv.FormatInt(v[name], 10))
			b.WriteByte(' ')
			b.WriteString(strings.ReplaceAll(name, "\n", " "))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// addText adds what text wrote.
func (v Values) addText(text string) error {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		n, name, ok := cutNumber(line)
		if !ok {
			return fmt.Errorf("a line of figures is %.60q", line)
		}
		v[name] += n
	}
	return nil
}
