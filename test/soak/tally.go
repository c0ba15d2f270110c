package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// expected are the outcomes that each kind of traffic may have while nothing is wrong: statuses, and of sockets what became of them.
var expected = map[string][]string{
	"rooms": {"200"}, "read": {"200"}, "post": {"201"}, "delete": {"204"}, "upload": {"201"}, "download": {"200"},
	"login": {"200"}, "second factor": {"200"}, "session": {"200"}, "refresh": {"200"}, "logout": {"204"},
	"socket": {"101"}, "socket message": {"ack"}, "socket end": {},
	// Whose session may be ended for what is done with it.
	"refresh of an attacker": {"200", "401", "403", "429"},
	// Refusals: by the WAF; for too many of them, a puzzle is asked for (429), and then whoever asks is banned (403).
	"attack": {"403", "429", "401"}, "guess": {"401", "429", "403"}, "forged token": {"401", "429", "403"},
	"not theirs": {"403", "404"}, "malformed": {"422"}, "too large": {"413"},
}

// excuse is what else may be while something is wrong, and shortly after.
type excuse map[string][]string

const (
	anything = "*"         // every kind
	noAnswer = "no answer" // the connection ended, or was refused
	unheard  = "unheard"   // a socket ended before a message was acknowledged
	cut      = "cut"       // a socket ended, whichever way
)

// window is a time in which something is wrong.
type window struct {
	fault    string
	excuse   excuse
	from, to time.Time // to is zero while it lasts
}

func (w *window) during(from, to time.Time) bool {
	return !to.Before(w.from) && (w.to.IsZero() || !from.After(w.to))
}

// surprise is an outcome that nothing explains.
type surprise struct {
	At      time.Time
	Kind    string
	Outcome string
	Detail  string
}

func (s surprise) String() string {
	return fmt.Sprintf("%s %s: %s (%s)", s.At.UTC().Format("15:04:05.000"), s.Kind, s.Outcome, s.Detail)
}

const mostSurprises = 500

// tally counts outcomes, and judges each when it comes.
type tally struct {
	mu        sync.Mutex
	counts    map[string]map[string]int // by kind and outcome, of what may be
	excused   map[string]map[string]int
	surprised map[string]int // by kind
	surprises []surprise
	windows   []*window
}

func newTally() *tally {
	return &tally{counts: map[string]map[string]int{}, excused: map[string]map[string]int{}, surprised: map[string]int{}}
}

// open begins a window; close it.
func (y *tally) open(fault string, e excuse) *window {
	y.mu.Lock()
	defer y.mu.Unlock()
	w := &window{fault: fault, excuse: e, from: time.Now()}
	y.windows = append(y.windows, w)
	return w
}

func (y *tally) close(w *window) {
	y.mu.Lock()
	defer y.mu.Unlock()
	w.to = time.Now()
}

// note counts what became of something that was begun then and is known now.
func (y *tally) note(kind, outcome, detail string, began time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	now := time.Now()
	switch {
	case slices.Contains(expected[kind], outcome):
		count(y.counts, kind, outcome)
	case y.explained(kind, outcome, began, now):
		count(y.excused, kind, outcome)
	default:
		y.surprised[kind]++
		if len(y.surprises) < mostSurprises {
			y.surprises = append(y.surprises, surprise{now, kind, outcome, detail})
		}
	}
}

func (y *tally) explained(kind, outcome string, from, to time.Time) bool {
	return slices.ContainsFunc(y.windows, func(w *window) bool {
		return w.during(from, to) && (slices.Contains(w.excuse[kind], outcome) || slices.Contains(w.excuse[anything], outcome))
	})
}

// faultsAt names what was wrong at a time, with a little before and after: logs are written when they are.
func (y *tally) faultsAt(at time.Time) (all []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, w := range y.windows {
		if w.during(at.Add(-logLag), at.Add(logLag)) {
			all = append(all, w.fault)
		}
	}
	return all
}

// logLag is how much later than its cause a line of a log may be.
const logLag = 5 * time.Second

func count(m map[string]map[string]int, kind, outcome string) {
	if m[kind] == nil {
		m[kind] = map[string]int{}
	}
	m[kind][outcome]++
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// list is "201 45, no answer 3", the most frequent first.
func list(m map[string]int) string {
	keys := slices.Sorted(maps.Keys(m))
	slices.SortStableFunc(keys, func(a, b string) int { return m[b] - m[a] })
	text := ""
	for i, k := range keys {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", k, m[k])
	}
	return text
}
