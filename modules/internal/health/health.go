// Package health is what the parts of a gateway say of themselves: whether they work, work less than they should, or not at all.
//
// A part adds a check; those who serve probes, metrics and commands ask for all. Checks run together, each with a bound, and what they said is
// remembered for a second, so that a flood of probes costs what one does. A part that does not answer in time has failed: unknown is not well.
package health

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// State is how a part is.
type State uint8

// The states, from good to bad.
const (
	OK       State = iota // as it should be
	Degraded              // less than it should, by design: requests go on
	Failed                // requests that need it can't be answered
)

var states = [...]string{"ok", "degraded", "failed"}

// String is ok, degraded or failed.
func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return states[Failed]
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. What it does not know has failed.
func (s *State) UnmarshalText(b []byte) error {
	*s = Failed
	if at := slices.Index(states[:], string(b)); at >= 0 {
		*s = State(at)
	}
	return nil
}

const (
	bound    = 2 * time.Second // for each check
	remember = time.Second     // what they said
	longest  = 300             // bytes of a reason
)

// Check looks at a part. The reason is for operators: what is wrong and what that means, without secrets; "" says no more than the state. It must return
// soon after the context has ended.
type Check func(ctx context.Context) (State, string)

// Report is what was found of one part.
type Report struct {
	Part   string `json:"part"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Set is the parts of one configuration. A nil Set has none, and takes none.
type Set struct {
	mu    sync.Mutex
	parts []*part // by name
	last  *round
}

type part struct {
	name  string
	check Check
	busy  atomic.Bool // a check that has overrun its time still runs: no second one begins
}

// round is one look at all parts.
type round struct {
	done    chan struct{}
	ended   time.Time // written before done is closed
	reports []Report  // likewise
}

// Add adds a part, in place of one of that name. Names are lower case, of a number that the code bounds: they are labels of metrics.
func (s *Set) Add(name string, check Check) (remove func()) {
	if s == nil {
		return func() {}
	}
	p := &part{name: name, check: check}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(slices.DeleteFunc(s.parts, func(o *part) bool { return o.name == name }), p)
	slices.SortFunc(s.parts, func(a, b *part) int { return strings.Compare(a.name, b.name) })
	s.last = nil
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts = slices.DeleteFunc(s.parts, func(o *part) bool { return o == p })
		s.last = nil
	}
}

// All is how all parts are, by name, not older than about a second.
func (s *Set) All(ctx context.Context) []Report {
	if s == nil {
		return nil
	}
	r, names := s.current(ctx)
	select {
	case <-r.done:
		return slices.Clone(r.reports)
	case <-ctx.Done():
	}
	reports := make([]Report, len(names))
	for i, name := range names {
		reports[i] = Report{name, Failed, "not known in time"}
	}
	return reports
}

// current is the look that goes on, the last one where it is fresh, or else a new one.
func (s *Set) current(ctx context.Context) (*round, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.parts))
	for i, p := range s.parts {
		names[i] = p.name
	}
	if r := s.last; r != nil {
		select {
		case <-r.done:
			if time.Since(r.ended) < remember {
				return r, names
			}
		default:
			return r, names
		}
	}
	s.last = &round{done: make(chan struct{})}
	// Others wait for it, too: it does not end with whoever asked first, but with its bound.
	go s.last.look(context.WithoutCancel(ctx), slices.Clone(s.parts))
	return s.last, names
}

// look asks all parts at once.
func (r *round) look(ctx context.Context, parts []*part) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	type answer struct {
		at int
		Report
	}
	answers := make(chan answer, len(parts))
	reports := make([]Report, len(parts))
	waiting := 0
	for i, p := range parts {
		reports[i] = Report{p.name, Failed, "it did not answer within " + bound.String()}
		if !p.busy.CompareAndSwap(false, true) {
			continue
		}
		waiting++
		go func() {
			state, reason := p.ask(ctx)
			p.busy.Store(false) // before it is told, since another look may begin right then
			answers <- answer{i, Report{p.name, state, reason}}
		}()
	}
	for ; waiting > 0; waiting-- {
		select {
		case a := <-answers:
			reports[a.at] = a.Report
		case <-ctx.Done():
			waiting = 1
		}
	}
	r.reports, r.ended = reports, time.Now()
	close(r.done)
}

// ask makes a panic a failure: a part that is so broken must not take the probe with it.
func (p *part) ask(ctx context.Context) (state State, reason string) {
	defer func() {
		if recover() != nil {
			state, reason = Failed, "its check panicked"
		}
	}()
	state, reason = p.check(ctx)
	if len(reason) > longest {
		reason = strings.ToValidUTF8(reason[:longest], "") + "…"
	}
	return min(state, Failed), reason
}

// Worst is the worst of the states.
func Worst(reports []Report) State {
	worst := OK
	for _, r := range reports {
		worst = max(worst, r.State)
	}
	return worst
}

// Ready tells whether requests should come here: no part has failed, and of those required none is degraded. One that is required and not there has failed.
func Ready(reports []Report, required []string) bool {
	for _, name := range required {
		if !slices.ContainsFunc(reports, func(r Report) bool { return r.Part == name && r.State == OK }) {
			return false
		}
	}
	return Worst(reports) != Failed
}
