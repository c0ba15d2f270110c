package screen

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// rule is one that is asked about in each exchange.
type rule struct {
	src      *seclang.Rule
	first    *condition   // nil: only the search for its texts tells whether it may match
	chain    []*condition // nil: that the first condition holds is enough to name the rule
	whole    bool         // first and chain together tell whether the rule matches
	keeps    bool         // it is never taken out of a transaction
	unsettle bool         // once it matches, nothing that the screen said holds
	search   *search      // nil: first is evaluated in each exchange
}

// stage is 0 for rules that see the request, 1 for those that see the answer.
func (r *rule) stage() int {
	if r.src.Phase > 2 {
		return 1
	}
	return 0
}

// compiler sorts the rules of a program.
type compiler struct {
	program  *seclang.Program
	root     fs.FS
	modelled []int

	live   []*seclang.Rule // they look at the exchange
	fixed  []*seclang.Rule // they look at TX alone and are evaluated once
	state  *exchange       // TX, as it is in every transaction in which no live rule matches
	speaks bool            // a fixed rule says something in each transaction

	controls []control // what fixed rules do in every transaction
	inputs   map[*seclang.Rule]inputs
	lost     []control       // what fixed and ignored rules, and directives, may take away
	passed   []*seclang.Rule // what ignored rules may pass over
}

// harmless are directives that change nothing the screen relies on.
var harmless = []string{"seccomponentsignature", "secresponsebodyaccess", "secrequestbodylimit", "secrequestbodyaccess", "secrequestbodyjsondepthlimit",
	"secresponsebodyjsondepthlimit", "secruleengine", "secwebappid", "secserversignature", "secruleremovebytag", "secruleremovebyid", "secresponsebodymimetypesclear",
	"secresponsebodymimetype", "secresponsebodylimitaction", "secresponsebodylimit", "secrequestbodylimitaction", "secrequestbodyinmemorylimit", "secsensorid",
	"seccollectiontimeout", "secauditlog", "secauditlogtype", "secauditlogformat", "secauditlogstoragedir", "secauditlogdirmode", "secauditlogfilemode",
	"secauditlogrelevantstatus", "secauditlogparts", "secauditengine", "secdatadir", "secuploadkeepfiles", "secuploadfilemode", "secuploadfilelimit", "secuploaddir",
	"secrequestbodynofileslimit", "secdebuglog", "secdebugloglevel", "secdataset", "secargumentslimit", "secrxprefilter", "secunicodemap", "sectmpdir"}

// settings refuses directives that would make the screen wrong.
func settings(p *seclang.Program) error {
	for _, s := range p.Settings {
		switch s.Name {
		case "secruleupdatetargetbyid", "secruleupdatetargetbytag", "secruleupdatetargetbymsg":
			for _, ctl := range exceptions(s) {
				if !ctl.lessens(nil) {
					return fmt.Errorf("%s changes %s", s.Name, ctl.target)
				}
			}
		case "secdefaultaction":
			for _, a := range strings.Split(strings.Trim(s.Args, `"`), ",") {
				name, _, _ := strings.Cut(strings.TrimSpace(a), ":")
				if !slices.Contains(plain, strings.ToLower(name)) {
					return fmt.Errorf("a default action is %s", name)
				}
			}
		default:
			if !slices.Contains(harmless, s.Name) {
				return fmt.Errorf("%s is not known here", s.Name)
			}
		}
	}
	return nil
}

// ignorable tells whether a live rule may match without consequence: it can only take rules or targets away, or is modelled by extract.
func (c *compiler) ignorable(r *seclang.Rule) bool {
	if slices.Contains(c.modelled, r.ID) {
		return true
	}
	if !silent(r) {
		return false
	}
	var w writes
	for i := range r.Links {
		w.add(&r.Links[i]) // which can only be captures
	}
	if c.reads(&w, r) {
		return false
	}
	for _, l := range r.Links {
		for _, a := range l.Actions {
			if !slices.Contains(plain, a.Name) && a.Name != "ctl" && a.Name != "skip" && a.Name != "skipafter" {
				return false
			}
		}
	}
	for _, ctl := range controls(r) {
		if !ctl.lessens(append(c.models(), c.fixed...)) {
			return false
		}
	}
	for _, s := range c.passedOver(r) {
		if slices.Contains(c.fixed, s) {
			return false
		}
	}
	return true
}

// models are the modelled rules of the program.
func (c *compiler) models() (out []*seclang.Rule) {
	for _, r := range c.program.Rules {
		if !r.Removed && r.ID != 0 && slices.Contains(c.modelled, r.ID) {
			out = append(out, r)
		}
	}
	return out
}

// passedOver are the rules that are not run if a rule matches, none being taken out.
func (c *compiler) passedOver(r *seclang.Rule) (out []*seclang.Rule) {
	after, n := flow(r)
	for phase, rules := r.Phase, c.program.Rules[slices.Index(c.program.Rules, r)+1:]; phase <= 5; phase, rules = phase+1, c.program.Rules {
		for _, s := range rules {
			if after == "" && len(out) == n || after != "" && s.Marker == after {
				return out
			}
			if !s.Removed && (s.Marker != "" || s.Phase == phase) {
				out = append(out, s)
			}
		}
		if after == "" {
			break // only a marker is looked for in the next phase
		}
	}
	return out
}

// compile makes the live rules. What they may write on the way to not matching must be read by no fixed rule; those that do are evaluated in each exchange.
func (c *compiler) compile() ([]*rule, error) {
	for _, ctl := range c.controls {
		if !ctl.lessens(append(c.models(), c.fixed...)) {
			return nil, fmt.Errorf("ctl:%s=%s is always done", ctl.name, ctl.value)
		}
	}
	ignored := c.ignore()
	kept := c.counted()
	var out []*rule
	var w writes
	for _, src := range c.live {
		if err := strange(src); err != nil {
			return nil, err
		}
		if w := misses(src); c.reads(&w, src) {
			return nil, fmt.Errorf("rule %d captures what it does not match, and another one reads it", src.ID)
		}
		if slices.Contains(ignored, src) {
			continue
		}
		if src.Phase == 5 { // it sees a request without its answer, too
			c.speaks = true
			continue
		}
		r, err := c.rule(src)
		if err != nil {
			return nil, err
		}
		r.keeps = r.keeps || slices.Contains(kept, src)
		if r.whole {
			w.addAll(src)
		}
		out = append(out, r)
	}
	for again := true; again; {
		again = false
		for i, src := range c.fixed {
			if src == nil || !w.meet(c.inputs[src]) {
				continue
			}
			if src.Phase == 5 {
				c.speaks, again, c.fixed[i] = true, true, nil
				continue
			}
			r, err := c.rule(src)
			if err != nil {
				return nil, err
			}
			if after, skip := flow(src); after != "" || skip > 0 || !r.whole || len(controls(src)) > 0 {
				return nil, fmt.Errorf("rule %d reads what others set", src.ID)
			}
			w.addAll(src)
			r.keeps, again, c.fixed[i] = true, true, nil
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *rule) int {
		if a.src.Phase != b.src.Phase {
			return a.src.Phase - b.src.Phase
		}
		return slices.Index(c.program.Rules, a.src) - slices.Index(c.program.Rules, b.src)
	})
	return out, nil
}

// rule decides how a live rule is asked about.
func (c *compiler) rule(src *seclang.Rule) (*rule, error) {
	r := &rule{src: src}
	first := &src.Links[0]
	r.first, r.chain, r.whole = c.conditions(src)
	for i := range src.Links {
		if keys, _ := reads(&src.Links[i]); len(keys) > 0 {
			r.keeps = true // what it reads may be set by a rule that matched, and then it must be run
		}
	}
	if r.whole && c.read(src) {
		r.keeps = true
	}
	for _, ctl := range controls(src) {
		r.unsettle = r.unsettle || ctl.unsettles()
	}
	if s, ok := newSearch(first, c.root); ok {
		r.search = s
	} else if r.first == nil {
		r.keeps = true // always named
		if r.unsettle {
			return nil, fmt.Errorf("rule %d does ctl, and when is not known here", src.ID)
		}
	}
	return r, nil
}

// conditions makes as much of a rule's chain as may be evaluated: all of it, where that a part holds has no effect but on TX variables; else the first link. What
// the last link sets does not matter: when it holds, the rule matches.
func (c *compiler) conditions(src *seclang.Rule) (first *condition, chain []*condition, whole bool) {
	first, ok := newTest(&src.Links[0], c.root)
	if !ok || c.miscounts(src, &src.Links[0]) {
		return nil, nil, false
	}
	last := len(src.Links) - 1
	if last > 0 && partial(src) && c.unsure(src) {
		return first, nil, false
	}
	for i := range src.Links {
		l := &src.Links[i]
		if i == last {
			test, ok := newTest(l, c.root)
			if !ok || c.miscounts(src, l) {
				return first, nil, false
			}
			chain = append(chain, test)
			break
		}
		cond, ok := c.condition(src, i)
		if !ok || c.miscounts(src, l) {
			return first, nil, false
		}
		for _, a := range l.Actions { // the flow of a rule needs its whole chain to match
			if !slices.Contains(plain, a.Name) && a.Name != "setvar" && a.Name != "skip" && a.Name != "skipafter" {
				return first, nil, false
			}
		}
		chain = append(chain, cond)
	}
	return chain[0], chain[1:], true
}

// condition makes the condition of a link, with its captures if they are read.
func (c *compiler) condition(r *seclang.Rule, i int) (*condition, bool) {
	l := &r.Links[i]
	cond, ok := newCondition(l, c.root)
	if !ok || !l.Capture || !captures(l) {
		return cond, ok
	}
	var w writes
	w.capture()
	var in inputs
	in.set(l, -1)
	for k := i + 1; k < len(r.Links); k++ {
		in.ask(&r.Links[k], -1)
		in.set(&r.Links[k], -1)
	}
	if !w.meet(in) && !c.reads(&w, r) {
		return cond, true
	}
	return cond, cond.capture(l)
}

// ignore lists the live rules that need not be asked about, and notes what they may take away.
func (c *compiler) ignore() (ignored []*seclang.Rule) {
	c.lost = c.controls
	for _, s := range c.program.Settings {
		c.lost = append(c.lost, exceptions(s)...)
	}
	for _, r := range c.live {
		if c.ignorable(r) {
			ignored = append(ignored, r)
			c.lost = append(c.lost, controls(r)...)
			c.passed = append(c.passed, c.passedOver(r)...)
		}
	}
	return ignored
}

// counted are the rules that a skip counts: one that was taken out would not be. Nor is one that another rule takes out, so that more are.
func (c *compiler) counted() (kept []*seclang.Rule) {
	var may []control
	for _, r := range c.live {
		may = append(may, controls(r)...)
	}
	may = append(may, c.controls...)
	for _, r := range c.program.Rules {
		if r.Removed || r.Marker != "" {
			continue
		}
		_, n := flow(r)
		for _, s := range c.program.Rules[slices.Index(c.program.Rules, r)+1:] {
			if s.Removed || s.Marker == "" && s.Phase != r.Phase {
				continue
			}
			if n == 0 {
				break
			}
			kept = append(kept, s)
			if !slices.ContainsFunc(may, func(ctl control) bool { return ctl.removes(s) }) {
				n--
			}
		}
	}
	return kept
}

// strange refuses rules whose beginning depends on what other rules did on the way to not matching.
func strange(r *seclang.Rule) error {
	l := &r.Links[0]
	if strings.Contains(strings.ToUpper(l.Arg), "%{MATCHED_VAR") || slices.ContainsFunc(l.Targets, func(t seclang.Target) bool { return strings.HasPrefix(t.Name, "MATCHED_VAR") }) {
		return fmt.Errorf("rule %d begins with what another one matched", r.ID)
	}
	return nil
}

// partial tells whether a rule may set variables on the way to not matching.
func partial(r *seclang.Rule) bool {
	var w writes
	w.addAll(r)
	return len(w.names)+len(w.beginnings) > 0
}

// read tells whether another rule reads what a rule may set on the way to not matching.
func (c *compiler) read(r *seclang.Rule) bool {
	var w writes
	w.addAll(r)
	return c.reads(&w, r)
}

// reads tells whether a rule other than r reads what is written.
func (c *compiler) reads(w *writes, r *seclang.Rule) bool {
	return slices.ContainsFunc(c.program.Rules, func(s *seclang.Rule) bool { return s != r && !s.Removed && w.meet(c.inputs[s]) })
}

// misses is what a rule may set where it does not even begin to match: an operator captures what a negated link does not match.
func misses(r *seclang.Rule) (w writes) {
	for i := range r.Links {
		if l := &r.Links[i]; l.Capture && l.Not && captures(l) {
			w.capture()
		}
	}
	return w
}

// unsure tells whether a rule may not be run, or not on all of its targets, without any rule being named.
func (c *compiler) unsure(r *seclang.Rule) bool {
	return slices.Contains(c.passed, r) || slices.ContainsFunc(c.lost, func(ctl control) bool {
		return ctl.removes(r) || slices.ContainsFunc(r.Links, func(l seclang.Link) bool {
			return slices.ContainsFunc(l.Targets, func(t seclang.Target) bool { return ctl.narrows(r, t) })
		})
	})
}

// miscounts tells whether a link counts members that may be taken from it: then it may hold of what is left.
func (c *compiler) miscounts(r *seclang.Rule, l *seclang.Link) bool {
	return slices.ContainsFunc(l.Targets, func(t seclang.Target) bool {
		return t.Count && slices.ContainsFunc(c.lost, func(ctl control) bool { return ctl.narrows(r, t) })
	})
}
