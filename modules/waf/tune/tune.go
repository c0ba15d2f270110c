package tune

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/waf/attack"
)

// Options say what counts as repeated.
type Options struct {
	MinHits  int `json:"min_hits"`  // of a rule on a field at a path
	MinUsers int `json:"min_users"` // who caused them
}

// Tuner collects hits from events. Its memory is bounded by the users and by the fields that rules hit.
type Tuner struct {
	o      Options
	users  map[string]*user
	routes map[pattern]bool
	judged map[string]bool // ids of events that somebody took for false alarms
	seen   Seen
}

// Seen counts what the events were.
type Seen struct {
	Events     int `json:"events"`
	Unreadable int `json:"unreadable"`      // lines that are no event
	Hits       int `json:"with_hits"`       // events in which rules hit
	Anonymous  int `json:"anonymous"`       // of these: by nobody who is signed in
	Unclean    int `json:"unclean"`         // of these: by users who are not clean
	Judged     int `json:"judged"`          // of these: somebody took them for false alarms
	Vague      int `json:"without_a_field"` // hits whose field or path an exclusion can't name
	Users      int `json:"users"`           // with hits
	NotClean   int `json:"users_not_clean"` // of these
}

// user is one person's hits.
type user struct {
	judged  bool // somebody looked at these hits
	events  int
	classes map[string]bool
	hits    map[spot]*evidence
}

// spot is what an exclusion names.
type spot struct {
	rule   int
	target string
	path   pattern
}

type evidence struct {
	hits, blocked int
	first, last   time.Time
	excerpt       string
}

// most bounds what one run keeps: a hundred thousand spots are no false alarms of people's.
const most = 100_000

// New makes a tuner.
func New(o Options) *Tuner {
	return &Tuner{o: o, users: map[string]*user{}, routes: map[pattern]bool{}, judged: map[string]bool{}}
}

// whose are the hits of an event; nobody's count for nothing. Those that somebody judged are kept apart: the person's other ones do not speak against them.
func whose(e *event, judged bool) string {
	id := cmp.Or(e.UserID, e.User)
	if judged {
		return "judged " + id
	}
	return id
}

func (t *Tuner) event(e *event, judged bool) {
	t.seen.Events++
	path := of(e.Path)
	if p := ofRoute(e.Route); p != "" && p.covers(path) {
		path = p
		if len(t.routes) < most {
			t.routes[p] = true
		}
	}
	classes := classesOf(e)
	if len(classes) == 0 {
		return
	}
	t.seen.Hits++
	if judged {
		t.seen.Judged++
	}
	id := whose(e, judged)
	if id == "" {
		t.seen.Anonymous++
		return
	}
	u := t.users[id]
	if u == nil {
		if len(t.users) == most {
			t.seen.Vague++
			return
		}
		u = &user{judged: judged, classes: map[string]bool{}, hits: map[spot]*evidence{}}
		t.users[id] = u
	}
	u.events++
	for _, c := range classes {
		u.classes[c] = true
	}
	located := map[int]bool{}
	counted := map[spot]bool{}
	for _, m := range e.Matches {
		if attack.Class(m.Rule) == "" || !strings.HasPrefix(e.Path, "/") || len(e.Path) >= longestPath || !path.usable() {
			continue
		}
		for _, v := range m.Variables {
			target, ok := targetOf(v)
			s := spot{m.Rule, target, path}
			if !ok || counted[s] { // several values of one field are one hit
				continue
			}
			located[m.Rule], counted[s] = true, true
			u.count(s, e, m.Excerpt)
		}
	}
	for _, r := range e.Rules {
		if attack.Class(r) != "" && !located[r] {
			t.seen.Vague++
		}
	}
}

func (u *user) count(s spot, e *event, excerpt string) {
	v := u.hits[s]
	if v == nil {
		if len(u.hits) == most {
			return
		}
		v = &evidence{first: e.Time, last: e.Time}
		u.hits[s] = v
	}
	v.add(&evidence{1, 0, e.Time, e.Time, excerpt})
	if e.Blocked {
		v.blocked++
	}
}

func (v *evidence) add(o *evidence) {
	v.hits += o.hits
	v.blocked += o.blocked
	if o.first.Before(v.first) {
		v.first = o.first
	}
	if o.last.After(v.last) {
		v.last = o.last
	}
	v.excerpt = cmp.Or(v.excerpt, o.excerpt)
}

// classesOf are the kinds of attack that the event's rules look for.
func classesOf(e *event) (classes []string) {
	rules := slices.Clone(e.Rules)
	for _, m := range e.Matches {
		rules = append(rules, m.Rule)
	}
	for _, r := range rules {
		if c := attack.Class(r); c != "" && !slices.Contains(classes, c) {
			classes = append(classes, c)
		}
	}
	return classes
}

// clean tells whether the user may be one whom the rules mistake.
func (u *user) clean() bool {
	if u.judged {
		return true
	}
	kinds := 0
	for c := range u.classes {
		switch c {
		case attack.Protocol, attack.Scanner:
			return false
		case attack.Local: // the operator knows what it looks for
		default:
			kinds++
		}
	}
	return kinds < 2
}

// What an exclusion can name: a member of a collection, or a variable that has one value.
var (
	member = regexp.MustCompile(`^(?:ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_COOKIES_NAMES|REQUEST_HEADERS|REQUEST_HEADERS_NAMES):[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	single = []string{"QUERY_STRING", "REQUEST_BASENAME", "REQUEST_BODY", "REQUEST_FILENAME", "REQUEST_LINE", "REQUEST_URI", "REQUEST_URI_RAW"}
)

// targetOf is the field as exclusions name it, false where it is none of its own: a whole collection is not narrow.
func targetOf(variable string) (string, bool) {
	for _, half := range []string{"ARGS_GET", "ARGS_POST"} {
		for _, what := range []string{":", "_NAMES:"} {
			if rest, ok := strings.CutPrefix(variable, half+what); ok {
				variable = "ARGS" + what + rest
			}
		}
	}
	if rest, ok := strings.CutPrefix(variable, "ARGS:json."); ok {
		variable = "ARGS:" + rest
	}
	return variable, member.MatchString(variable) || slices.Contains(single, variable)
}

// Report proposes.
func (t *Tuner) Report() *Report {
	rep := &Report{Options: t.o, Seen: t.seen, Proposals: []Proposal{}}
	sums := map[spot]*evidence{}
	who := map[spot]map[string]bool{}
	judged := map[spot]bool{}
	for id, u := range t.users {
		rep.Seen.Users++
		if !u.clean() {
			rep.Seen.NotClean++
			rep.Seen.Unclean += u.events
			continue
		}
		for s, v := range u.hits {
			s.path = t.templated(s.path)
			if sums[s] == nil {
				sums[s], who[s] = &evidence{first: v.first, last: v.last}, map[string]bool{}
			}
			sums[s].add(v)
			who[s][id] = true
			judged[s] = judged[s] || u.judged
		}
	}
	merged := map[spot]*Proposal{} // by target and path
	people := map[spot]map[string]bool{}
	spots := slices.SortedFunc(maps.Keys(sums), func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.target, b.target), cmp.Compare(a.rule, b.rule))
	})
	for _, s := range spots {
		v := sums[s]
		if !judged[s] && (v.hits < t.o.MinHits || len(who[s]) < t.o.MinUsers) {
			continue
		}
		at := spot{target: s.target, path: s.path}
		p := merged[at]
		if p == nil {
			p = &Proposal{Target: s.target, Path: s.path.written()}
			merged[at], people[at] = p, map[string]bool{}
		}
		p.Rules = append(p.Rules, Evidence{s.rule, attack.Class(s.rule), v.hits, v.blocked, len(who[s]), v.first, v.last, v.excerpt})
		p.Hits += v.hits
		p.Judged = p.Judged || judged[s]
		maps.Copy(people[at], who[s])
	}
	for at, p := range merged {
		p.Users = len(people[at])
		p.Line = p.line()
		rep.Proposals = append(rep.Proposals, *p)
	}
	slices.SortFunc(rep.Proposals, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Target, b.Target))
	})
	return rep
}

// templated is the narrowest known route that the path is one of. Events of blocked requests have no route of their own: they never reached it.
func (t *Tuner) templated(p pattern) pattern {
	best := p
	found := false
	for r := range t.routes {
		if r.covers(p) && (!found || r.narrow() > best.narrow() || r.narrow() == best.narrow() && r < best) {
			best, found = r, true
		}
	}
	return best
}
