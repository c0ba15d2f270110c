package screen

import (
	"fmt"
	"maps"
	"slices"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// looksAtTX tells whether a link depends on nothing but TX, and there on nothing that Coraza puts into it.
func looksAtTX(l *seclang.Link) bool {
	return l.Always || !slices.ContainsFunc(l.Targets, func(t seclang.Target) bool { return t.Name != "TX" || holdsBody(t) })
}

// run evaluates the fixed rules in order, phase by phase, and finds out which live rules are reached. Phase 5 follows phase 2 where there is no answer.
func (c *compiler) run() error {
	c.inputs = map[*seclang.Rule]inputs{}
	for _, r := range c.program.Rules {
		c.inputs[r] = inputsOf(r)
	}
	after := "" // a marker that is not met is looked for in the next phase
	for phase := 1; phase <= 5; phase++ {
		var err error
		if after, err = c.phase(phase, after); err != nil {
			return err
		}
		if phase == 2 {
			tx := maps.Clone(c.state.tx)
			if _, err := c.phase(5, after); err != nil {
				return err
			}
			c.state.tx = tx
		}
	}
	return nil
}

// phase evaluates the fixed rules of a phase; it begins and ends looking for a marker.
func (c *compiler) phase(phase int, after string) (string, error) {
	skip := 0
	for _, r := range c.program.Rules {
		switch {
		case r.Removed || r.Marker == "" && r.Phase != phase:
			continue
		case after != "":
			if r.Marker == after {
				after = ""
			}
			continue
		case skip > 0:
			skip--
			continue
		case r.Marker != "":
			continue
		}
		if !looksAtTX(&r.Links[0]) {
			c.live = append(c.live, r)
			continue
		}
		matched, err := c.fix(r)
		if err != nil {
			return "", err
		}
		if matched {
			after, skip = flow(r)
		}
	}
	return after, nil
}

// fix evaluates a rule that begins with TX alone. One whose chain looks at the exchange is a live one, if its beginning holds.
func (c *compiler) fix(r *seclang.Rule) (matched bool, err error) {
	before := maps.Clone(c.state.tx)
	for i := range r.Links {
		l := &r.Links[i]
		if !looksAtTX(l) {
			c.state.tx = before // a live rule sets its variables itself, in each exchange
			c.live = append(c.live, r)
			return false, nil
		}
		test, ok := newTest(l, c.root)
		if ok && !test.holds(c.state) {
			c.fixed = append(c.fixed, r)
			return false, nil
		}
		if test, ok = c.condition(r, i); !ok {
			return false, fmt.Errorf("rule %d can't be evaluated ahead", r.ID)
		}
		test.holds(c.state)
	}
	c.fixed = append(c.fixed, r)
	c.controls = append(c.controls, controls(r)...)
	for _, l := range r.Links {
		for _, a := range l.Actions {
			if !slices.Contains(plain, a.Name) && !slices.Contains([]string{"setvar", "skip", "skipafter", "ctl"}, a.Name) {
				return false, fmt.Errorf("rule %d always does %s", r.ID, a.Name)
			}
		}
	}
	c.speaks = c.speaks || !silent(r)
	return true, nil
}
