package screen

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// Screen is made for one set of rules. It may be used at the same time.
type Screen struct {
	rules   []*rule
	index   *index
	initial map[string]string
	limits  Limits
	out     [2][]int      // by stage: the rules that need not be run where none is named
	early   [2]int        // how many of them are of phase 1
	later   [sources]bool // variables of the request that rules for answers look at
	always  [2]bool       // a rule for requests, or one for answers, that must be run each time
	memory  *memory
	scratch sync.Pool
}

// Options tell New of the rule set.
type Options struct {
	Root     fs.FS  // where rules and their data are read from
	Limits   Limits // of the rule set
	Modelled []int  // rules that choose how a body is read, as extract does; all of them must be there
}

// New makes the screen of a program. An error says what in it can't be screened soundly; the rules must then be run without one.
func New(p *seclang.Program, o Options) (*Screen, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	if err := settings(p); err != nil {
		return nil, err
	}
	c := &compiler{program: p, root: o.Root, modelled: o.Modelled, state: &exchange{tx: newTX()}}
	if n := len(c.models()); n != len(o.Modelled) {
		return nil, fmt.Errorf("of %d rules that choose how a body is read, there are %d", len(o.Modelled), n)
	}
	if err := c.run(); err != nil {
		return nil, err
	}
	rules, err := c.compile()
	if err != nil {
		return nil, err
	}
	index, err := newIndex(rules)
	if err != nil {
		return nil, err
	}
	s := &Screen{rules: rules, index: index, initial: c.state.tx, limits: o.Limits, memory: newMemory()}
	s.limits.json, s.limits.raw, s.limits.forced = slices.Contains(o.Modelled, ruleJSON), slices.Contains(o.Modelled, ruleRaw), slices.Contains(o.Modelled, ruleForced)
	s.scratch.New = func() any { return newScratch() }
	for _, r := range rules {
		r.settle(s.initial)
		if r.stage() == 1 {
			for _, source := range r.sources() {
				s.later[source] = true
			}
		}
		if r.search == nil && r.first == nil {
			s.always[r.stage()] = true
		}
	}
	if c.speaks {
		s.always = [2]bool{true, true}
	}
	for i := range s.out {
		s.out[i], s.early[i] = s.without(nil, i)
	}
	return s, nil
}

func (r *rule) settle(initial map[string]string) {
	if r.first != nil {
		r.first.settle(initial)
	}
	for _, c := range r.chain {
		c.settle(initial)
	}
}

// newTX is what TX holds when a transaction begins.
func newTX() map[string]string {
	tx := map[string]string{}
	for _, k := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
		tx[k] = ""
	}
	return tx
}

// Result is what is known of an exchange.
type Result struct {
	Known bool  // false: nothing, all rules must be run
	Clean bool  // no rule would match that says or does something: none needs to be run
	Out   []int // ids of the rules that need not be run, by phase; not to be changed
	Early int   // how many of them are of phase 1, which sees no body
	Named []int // ids of those that may match
}

// Out are the rules that need not be run on a clean request; not to be changed.
func (s *Screen) Out() []int { return s.out[0] }

// Exchange is one request, and later its answer.
type Exchange struct {
	s     *Screen
	x     exchange
	known bool
}

// Request screens a request. The exchange is for its answer.
func (s *Screen) Request(r *Request) (*Exchange, Result) {
	e := &Exchange{s: s}
	e.x.initial = s.initial
	e.x.members = make([]member, 0, 64)
	if e.known = extract(r, s.limits, &e.x); !e.known {
		return e, Result{}
	}
	res := s.check(&e.x, 0)
	e.x.keep(&s.later) // not the request's body, while a back end works
	return e, res
}

// keep forgets the members of all other variables.
func (x *exchange) keep(these *[sources]bool) {
	var kept []member
	for _, m := range x.members {
		if these[m.source] {
			kept = append(kept, m)
		}
	}
	x.members = kept
	clear(x.from[:])
	x.order()
}

// sources are the variables that a rule looks at.
func (r *rule) sources() (out []source) {
	targets := func(list []target) {
		for _, t := range list {
			out = append(append(out, t.source), t.also...)
		}
	}
	if r.search != nil {
		targets(r.search.targets)
	}
	if r.first != nil {
		targets(r.first.targets)
	}
	for _, c := range r.chain {
		targets(c.targets)
	}
	return out
}

// Repeated are values whose keys the body has more than once, under keys of their own. Whoever runs rules adds them as arguments before the body is read: what
// Coraza says of the values of one key is not reliable.
func (e *Exchange) Repeated() []Argument { return e.x.repeated }

// Answer is the head of an answer and as much of its body as there is.
type Answer struct {
	Status string
	Header func(yield func(name, value string) bool)
	Body   string
}

// Response screens the answer to the request.
func (e *Exchange) Response(a *Answer) Result {
	if !e.known {
		return Result{}
	}
	x := e.x // the request's own members and variables stay as they are: an answer may be screened in pieces
	x.tx = maps.Clone(e.x.tx)
	b := builder{x: &x}
	x.members = append(make([]member, 0, len(x.members)+32), x.members...)
	clear(x.from[:])
	b.add(status, "", a.Status)
	b.add(responseBody, "", a.Body)
	a.Header(func(name, value string) bool {
		b.add(responseHeaders, name, value)
		b.add(responseHeaderNames, name, name)
		return true
	})
	x.order()
	return e.s.check(&x, 1)
}

// check asks about the rules of a stage, in their order.
func (s *Screen) check(x *exchange, stage int) (res Result) {
	w := s.scratch.Get().(*scratch)
	defer s.scratch.Put(w)
	hit := w.begin(len(s.rules))
	for i := range x.members {
		for _, r := range s.hits(&x.members[i], w) {
			hit[r] = true
		}
	}
	res = Result{Known: true}
	named := w.named[:0]
	for i, r := range s.rules {
		if r.stage() == stage && r.mayMatch(x, hit[i]) {
			if r.unsettle {
				return Result{}
			}
			named = append(named, i)
		}
	}
	w.named = named
	res.Clean = len(named) == 0 && !s.always[stage]
	if len(named) == 0 {
		res.Out, res.Early = s.out[stage], s.early[stage]
		return res
	}
	for _, i := range named {
		res.Named = append(res.Named, s.rules[i].src.ID)
	}
	res.Out, res.Early = s.without(named, stage)
	return res
}

// without lists the rules of a stage that need not be run, those of phase 1 first, but for the named ones.
func (s *Screen) without(named []int, stage int) (out []int, early int) {
	for i, r := range s.rules {
		if len(named) > 0 && named[0] == i {
			named = named[1:]
		} else if r.stage() == stage && !r.keeps {
			if out = append(out, r.src.ID); r.src.Phase == 1 {
				early = len(out)
			}
		}
	}
	return out, early
}

// mayMatch tells whether the rule may match; hit is what its search said.
func (r *rule) mayMatch(x *exchange, hit bool) bool {
	switch {
	case r.search != nil && !hit:
		return false
	case r.first == nil:
		return true
	case r.search != nil && !r.whole || r.search != nil && len(r.chain) == 0:
		return true
	case !r.first.holds(x):
		return false
	case !r.whole:
		return true
	}
	for _, c := range r.chain {
		if !c.holds(x) {
			return false
		}
	}
	return true
}

// hits are the rules whose first condition holds of a member; what is short and comes again is remembered.
func (s *Screen) hits(m *member, w *scratch) []int {
	if !remembers(m) {
		return s.index.find(m, w)
	}
	if hits, ok := s.memory.get(m); ok {
		return hits
	}
	hits := s.index.find(m, w)
	s.memory.put(m, hits)
	return hits
}
