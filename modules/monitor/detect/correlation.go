package detect

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of a correlation.
const (
	mostTimespan   = 31 * 24 * time.Hour
	mostCorrelated = 100
	mostGroupBy    = 8
)

// correlate reads the correlations: first those that refer to rules, then those that refer to them.
func (r *loading) correlate() {
	waiting := r.correlations
	for len(waiting) > 0 {
		var later []document
		for _, d := range waiting {
			if slices.ContainsFunc(refers(d), func(name string) bool { return r.byID[name] == nil && r.coming(name, waiting) }) {
				later = append(later, d)
				continue
			}
			r.failed(d, r.correlation(d))
		}
		if len(later) == len(waiting) {
			for _, d := range later {
				r.failed(d, faulty(d.node, "correlations refer to each other in a circle"))
			}
			return
		}
		waiting = later
	}
}

// refers gives the names of the rules that a correlation is about.
func refers(d document) []string {
	all, err := members(get(d.members, "correlation"), "correlation")
	if err != nil {
		return nil // said when it is read
	}
	names, err := texts(get(all, "rules"), "correlation.rules", mostCorrelated)
	if err != nil {
		return nil
	}
	return names
}

// coming tells whether a name is of a correlation that is not read yet.
func (r *loading) coming(name string, waiting []document) bool {
	return r.gone[name] == "" && slices.ContainsFunc(waiting, func(d document) bool {
		id, called := get(d.members, "id"), get(d.members, "name")
		return id != nil && id.Value == name || called != nil && called.Value == name
	})
}

// correlation reads one.
func (r *loading) correlation(d document) error {
	rule, err := head(d)
	if err != nil {
		return err
	}
	if why := r.unwanted(rule); why != "" {
		r.leave(d, rule, why)
		return nil
	}
	n := get(d.members, "correlation")
	all, err := members(n, "correlation")
	if err != nil {
		return err
	}
	for _, m := range all {
		if !slices.Contains([]string{"type", "rules", "aliases", "group-by", "timespan", "condition", "generate"}, m.name) {
			return faulty(m.key, "a correlation has no %q", plainly(m.name))
		}
	}
	c := &Correlation{}
	typ, err := text(get(all, "type"), "correlation.type", 64)
	if err != nil {
		return err
	}
	if c.Type, err = parseType(typ); err != nil {
		return faulty(n, "%v", err)
	}
	left, err := r.refer(c, get(all, "rules"), n)
	if err != nil {
		return err
	}
	if left != "" {
		r.leave(d, rule, left)
		return nil
	}
	if err := r.shape(c, all, n); err != nil {
		return err
	}
	for _, of := range c.Rules {
		rule.Digest = mix(rule.Digest, of.Digest)
	}
	rule.Correlation = c
	if err := r.keep(d, rule); err != nil {
		return err
	}
	for _, of := range c.Rules {
		of.Alone = of.Alone && c.Generate
	}
	return nil
}

func parseType(s string) (Type, error) {
	for i, name := range types {
		if s == name {
			return Type(i), nil
		}
	}
	return 0, fmt.Errorf("correlation.type is one of %s", strings.Join(types, ", "))
}

// refer finds the rules of a correlation. left says why it is left out: where one of them is.
func (r *loading) refer(c *Correlation, n, at *yaml.Node) (left string, err error) {
	names, err := texts(n, "correlation.rules", mostCorrelated)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", faulty(at, "a correlation has rules")
	}
	for _, name := range names {
		rule := r.byID[name]
		switch why := r.gone[name]; {
		case rule == nil && strings.HasPrefix(why, "is left out"):
			return "the rule " + plainly(name) + " " + why, nil
		case rule == nil && why != "":
			return "", faulty(n, "the rule %s %s", plainly(name), why)
		case rule == nil:
			return "", faulty(n, "there is no rule %s", plainly(name))
		case slices.Contains(c.Rules, rule):
			return "", faulty(n, "the rule %s is named twice", plainly(name))
		}
		c.Rules = append(c.Rules, rule)
	}
	return "", nil
}

// shape reads what must come together, and when.
func (r *loading) shape(c *Correlation, all []member, n *yaml.Node) (err error) {
	if c.GroupBy, err = texts(get(all, "group-by"), "correlation.group-by", mostGroupBy); err != nil {
		return err
	}
	if get(all, "timespan") == nil {
		return faulty(n, "a correlation has a timespan")
	}
	if c.Timespan, err = timespan(get(all, "timespan"), "correlation.timespan", mostTimespan); err != nil {
		return err
	}
	if g := get(all, "generate"); g != nil {
		if c.Generate, err = strconv.ParseBool(g.Value); err != nil {
			return faulty(g, "correlation.generate is true or false")
		}
	}
	if err := r.aliases(c, get(all, "aliases")); err != nil {
		return err
	}
	cond := get(all, "condition")
	switch temporal := c.Type == Temporal || c.Type == TemporalOrdered; {
	case cond == nil && temporal:
		return nil
	case cond == nil:
		return faulty(n, "%s needs a condition", c.Type)
	case cond.Kind == yaml.ScalarNode && temporal:
		return r.together(c, cond)
	}
	if err := bounds(c, cond); err != nil || c.Type != Temporal && c.Type != TemporalOrdered {
		return err
	}
	return several(c, cond)
}

// several takes the condition of a temporal correlation that is written as a number for what it bounds: how many of the rules match. Only more of
// them can be known before the window is over.
func several(c *Correlation, n *yaml.Node) error {
	count := &Correlation{Bounds: c.Bounds}
	for _, b := range c.Bounds {
		if b.Op != "gt" && b.Op != "gte" {
			return faulty(n, "correlation.condition: of %s it is gt or gte", c.Type)
		}
	}
	of := len(c.Rules)
	if c.Type == TemporalOrdered && count.Met(float64(of-1)) {
		return faulty(n, "a temporal_ordered correlation needs all of its rules")
	}
	c.Bounds = nil
	c.holds = func(seen func(int) bool) bool {
		matched := 0
		for i := range of {
			if seen(i) {
				matched++
			}
		}
		return count.Met(float64(matched))
	}
	return nil
}

// together reads the condition of a temporal correlation that is written with the names of rules.
func (r *loading) together(c *Correlation, n *yaml.Node) error {
	one := func(name string) (*expr, error) {
		at := slices.IndexFunc(c.Rules, func(r *Rule) bool { return r.ID == name || r.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("condition: %q is not among the correlation's rules", plainly(name))
		}
		return &expr{is: atomic, at: at}, nil
	}
	of := func(string) ([]*expr, error) {
		var all []*expr
		for i := range c.Rules {
			all = append(all, &expr{is: atomic, at: i})
		}
		return all, nil
	}
	e, err := parseCondition(n.Value, one, of)
	if err != nil {
		return faulty(n, "%v", err)
	}
	c.holds = func(seen func(int) bool) bool { return e.eval(seen) }
	return nil
}

// bounds reads a condition that compares.
func bounds(c *Correlation, n *yaml.Node) error {
	all, err := members(n, "correlation.condition")
	if err != nil {
		return err
	}
	for _, m := range all {
		switch m.name {
		case "gt", "gte", "lt", "lte", "eq", "neq":
			f, ok := number(m.value)
			if !ok {
				return faulty(m.value, "correlation.condition: %s is a number", m.name)
			}
			c.Bounds = append(c.Bounds, Bound{m.name, f})
		case "field":
			if c.Fields, err = texts(m.value, "correlation.condition.field", mostGroupBy); err != nil {
				return err
			}
		case "percentile":
			f, ok := number(m.value)
			if !ok || f < 0 || f > 100 {
				return faulty(m.value, "correlation.condition: percentile is a number from 0 to 100")
			}
			c.Percent = f
		default:
			return faulty(m.key, "correlation.condition has gt, gte, lt, lte, eq, neq, field and percentile, not %q", plainly(m.name))
		}
	}
	valued := c.Type >= ValueCount && c.Type <= ValuePercentile
	switch {
	case len(c.Bounds) == 0:
		return faulty(n, "a condition compares: gte: 10")
	case valued && len(c.Fields) == 0:
		return faulty(n, "%s needs the condition's field", c.Type)
	case !valued && len(c.Fields) > 0:
		return faulty(n, "%s has no field in its condition", c.Type)
	case c.Type != ValueCount && len(c.Fields) > 1:
		return faulty(n, "%s looks at one field", c.Type)
	}
	if c.Type == ValuePercentile && c.Percent == 0 {
		c.Percent = 50
	}
	return nil
}

// aliases reads what names of group-by stand for in the events of each rule.
func (r *loading) aliases(c *Correlation, n *yaml.Node) error {
	if isNull(n) {
		return nil
	}
	all, err := members(n, "correlation.aliases")
	if err != nil {
		return err
	}
	c.aliases = map[string]map[*Rule]string{}
	for _, m := range all {
		of, err := members(m.value, "correlation.aliases."+plainly(m.name))
		if err != nil {
			return err
		}
		c.aliases[m.name] = map[*Rule]string{}
		for _, f := range of {
			rule := r.byID[f.name]
			if rule == nil || !slices.Contains(c.Rules, rule) {
				return faulty(f.key, "correlation.aliases: %q is not among the correlation's rules", plainly(f.name))
			}
			if c.aliases[m.name][rule], err = text(f.value, "an alias", 256); err != nil {
				return err
			}
		}
		for _, rule := range c.Rules {
			if c.aliases[m.name][rule] == "" {
				return faulty(m.key, "correlation.aliases: %s says nothing of the rule %s", plainly(m.name), plainly(rule.ID))
			}
		}
	}
	return nil
}

// mix is the digest of two.
func mix(a, b [32]byte) [32]byte { return sha256.Sum256(append(a[:], b[:]...)) }
