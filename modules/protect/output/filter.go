package output

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/protect/detect"
)

// Filter does what its options and rules say, to the answers of many requests at once.
type Filter struct {
	options Options
	hidden  hidden
	rules   []*rule
	tell    func(*http.Request, Outcome)
}

// Outcome is what was done to one answer or message. It holds nothing of it.
type Outcome struct {
	Replaced string // why it was: "error", "trace"; "" it was not
	Refused  string // why nothing of it was passed on: "detected", "encoded", "partial", "broken", "short"; "" it was
	Found    []Found
	Message  bool // of a socket
	Status   int  // that the back end gave an answer
}

// Found is what was found of one kind.
type Found struct {
	Kind     detect.Kind
	Action   string
	Count    int
	Pointers []string // where, in JSON: at most some; names that could hold something are ?
}

// mostPointers of one kind that an outcome names.
const mostPointers = 8

// New makes a filter. tell, which must not block, gets an outcome where anything was done that somebody should know of.
func New(o Options, rules []Rule, tell func(*http.Request, Outcome)) (*Filter, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	f := &Filter{options: o, tell: tell}
	var err error
	if f.hidden, err = o.hidden(); err != nil {
		return nil, err
	}
	for _, r := range rules {
		c, err := r.compile()
		if err != nil {
			return nil, fmt.Errorf("detect %v: %w", r.Kinds, err)
		}
		f.rules = append(f.rules, c)
	}
	return f, nil
}

// look is what is looked for in one answer, or in the messages of one socket.
type look struct {
	kinds detect.Set
	rules []*rule
	hard  bool // something is masked or withheld: what can't be read must not pass
	found []Found
	count int
	place []detect.Match
}

// look returns what is looked for in answers to r, nil for nothing.
func (f *Filter) look(r *http.Request, rc *reqctx.Request) *look {
	if len(f.rules) == 0 {
		return nil
	}
	var l look
	segs, err := route.Segments(r.URL)
	for _, rule := range f.rules {
		// A path that servers may read differently is no reason to look for less.
		if rule.at != nil && err == nil && !rule.at.Nearest("", segs) {
			continue
		}
		if rc.Identity != nil && slices.ContainsFunc(rc.Identity.Roles, func(role string) bool { return slices.Contains(rule.unless, role) }) {
			continue
		}
		l.rules = append(l.rules, rule)
		l.kinds |= rule.kinds
		l.hard = l.hard || rule.action != Report
	}
	if l.kinds == 0 {
		return nil
	}
	return &l
}

// strict tells whether something must not pass.
func (l *look) strict() bool { return l != nil && l.hard }

// action is what becomes of a kind that was found in a member; "" nothing.
func (l *look) action(k detect.Kind, pointer []byte) string {
	for _, r := range l.rules {
		if r.kinds.Has(k) && !r.excuses(pointer) {
			return r.action
		}
	}
	return ""
}

// note remembers what was found for the outcome.
func (l *look) note(k detect.Kind, action string, pointer []byte) {
	i := slices.IndexFunc(l.found, func(f Found) bool { return f.Kind == k && f.Action == action })
	if i < 0 {
		i = len(l.found)
		l.found = append(l.found, Found{Kind: k, Action: action})
	}
	f := &l.found[i]
	f.Count++
	l.count++
	if len(pointer) > 0 && len(f.Pointers) < mostPointers && !slices.Contains(f.Pointers, string(pointer)) {
		f.Pointers = append(f.Pointers, string(pointer))
	}
}
