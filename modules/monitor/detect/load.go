package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Loader reads rules.
type Loader struct {
	// What placeholders stand for, in values with the modifier expand. Values may have wildcards.
	Placeholders map[string][]string

	// Rules that are left out, by id or name.
	Disable []string
}

// Load reads rules without placeholders. See Loader.Load.
func Load(sources ...fs.FS) (*Rules, []Problem) { return Loader{}.Load(sources...) }

// Load reads all rule files (*.yml and *.yaml, but *_test.*) of the sources, in all their folders, and compiles them. Rules that are wrong are
// left out, and each is a problem; the others are good. Two rules may not have one id or name.
func (l Loader) Load(sources ...fs.FS) (*Rules, []Problem) {
	r := &loading{Loader: l, byID: map[string]*Rule{}, gone: map[string]string{}, disabled: map[string]bool{}, fields: knownFields()}
	for _, s := range sources {
		r.read(s)
	}
	for _, d := range r.docs {
		r.rule(d)
	}
	for _, d := range r.filters {
		r.failed(d, r.filter(d))
	}
	r.correlate()
	r.finish()
	r.unknown()
	return compile(r.rules), r.problems
}

// loading is one Load.
type loading struct {
	Loader
	docs, filters []document
	correlations  []document
	rules         []*Rule
	byID          map[string]*Rule  // and by name
	gone          map[string]string // ids and names of rules that are left out, and why
	problems      []Problem
	questions     int // of all rules
	disabled      map[string]bool
	fields        map[string]bool // see knownFields
}

// read sorts the documents of a source.
func (r *loading) read(source fs.FS) {
	names, err := ruleFiles(source)
	if err != nil {
		r.problems = append(r.problems, Problem{File: called(source, "."), Text: err.Error()})
	}
	for _, name := range names {
		raw, err := readFile(source, name)
		var docs []document
		file := called(source, name)
		if err == nil {
			docs, err = documents(file, raw)
		}
		r.failed(document{file: file}, err)
		for _, d := range docs {
			switch {
			case len(r.docs)+len(r.filters)+len(r.correlations) >= mostRules:
				r.failed(d, fmt.Errorf("there are more than %d rules", mostRules))
				return
			case get(d.members, "correlation") != nil:
				r.correlations = append(r.correlations, d)
			case get(d.members, "filter") != nil:
				r.filters = append(r.filters, d)
			default:
				r.docs = append(r.docs, d)
			}
		}
	}
}

// failed notes what is wrong with a document.
func (r *loading) failed(d document, err error) {
	if err == nil {
		return
	}
	p := Problem{File: d.file, Text: err.Error()}
	if d.node != nil {
		p.Line = d.node.Line
	}
	var f *fault
	if errors.As(err, &f) {
		p.Warning = f.warning
		if f.line > 0 {
			p.Line = f.line
		}
	}
	for _, name := range []string{"id", "name", "title"} {
		if n := get(d.members, name); n != nil && p.Rule == "" {
			p.Rule = plainly(n.Value)
		}
		if n := get(d.members, name); n != nil && !p.Warning && name != "title" {
			r.gone[n.Value] = "is wrong itself"
		}
	}
	r.problems = append(r.problems, p)
}

// leave leaves a rule out, rightly.
func (r *loading) leave(d document, rule *Rule, why string) {
	r.failed(d, &fault{text: "left out: " + why, warning: true})
	r.gone[rule.ID], r.gone[rule.Name] = "is left out: "+why, "is left out: "+why
}

// keep takes a rule in.
func (r *loading) keep(d document, rule *Rule) error {
	names := []string{rule.ID}
	if rule.Name != "" && rule.Name != rule.ID {
		names = append(names, rule.Name)
	}
	for _, n := range names {
		if other := r.byID[n]; other != nil {
			return faulty(d.node, "%s is another rule's, too: %s", plainly(n), other.File)
		}
	}
	for _, n := range names {
		r.byID[n] = rule
	}
	r.rules = append(r.rules, rule)
	return nil
}

// known tells whether events may have a field.
func (r *loading) known(field string) bool { return r.fields[generic(field)] }

// unwanted says why a good rule is not put in force.
func (r *loading) unwanted(rule *Rule) string {
	switch {
	case rule.Status == "deprecated" || rule.Status == "unsupported":
		return "its status is " + rule.Status
	case slices.Contains(r.Disable, rule.ID) || rule.Name != "" && slices.Contains(r.Disable, rule.Name):
		r.disabled[rule.ID], r.disabled[rule.Name] = true, true
		return "it is disabled"
	}
	return ""
}

// unknown notes what is disabled and not there: a name that is written wrong must not look like a rule that is off.
func (r *loading) unknown() {
	for _, name := range r.Disable {
		if !r.disabled[name] {
			r.problems = append(r.problems, Problem{Rule: plainly(name), Text: "there is no such rule to disable", Warning: true})
		}
	}
}

// rule reads one rule.
func (r *loading) rule(d document) {
	rule, err := head(d)
	if err != nil {
		r.failed(d, err)
		return
	}
	if why := r.unwanted(rule); why != "" {
		r.leave(d, rule, why)
		return
	}
	if rule.source, err = readSource(d); err != nil {
		r.failed(d, err)
		return
	}
	rule.rename = rule.source.fields()
	about, ok := rule.source.meant()
	if !ok {
		if rule.source.own() {
			r.failed(d, faulty(get(d.members, "logsource"), "no event is of the category %q", plainly(rule.source.category)))
		} else {
			r.leave(d, rule, "not the gateway's log: "+rule.source.String())
		}
		return
	}
	asks, err := r.detection(d, rule, get(d.members, "detection"))
	if errors.Is(err, errAggregation) && !rule.source.own() {
		r.leave(d, rule, err.Error()) // of the many rules of others a few are that old
		return
	}
	if err != nil {
		r.failed(d, err)
		return
	}
	if r.questions += asks.size(); r.questions > mostQuestions {
		r.failed(d, fmt.Errorf("all rules together have more than %d values", mostQuestions))
		return
	}
	rule.expr = allOf(about, asks)
	if unknown := unknownFields(asks, r.known); len(unknown) > 0 {
		switch text := "no event has the field " + strings.Join(unknown, ", "); {
		case rule.source.own():
			r.failed(d, &fault{text: text, warning: true})
		case possible(asks, r.known) == never:
			r.leave(d, rule, text)
			return
		}
	}
	r.failed(d, r.keep(d, rule))
}

func readSource(d document) (l logsource, err error) {
	n := get(d.members, "logsource")
	if n == nil {
		return l, faulty(d.node, "a rule has a logsource")
	}
	all, err := members(n, "logsource")
	if err != nil {
		return l, err
	}
	for name, to := range map[string]*string{"category": &l.category, "product": &l.product, "service": &l.service} {
		s, err := text(get(all, name), "logsource "+name, 256)
		if err != nil {
			return l, err
		}
		*to = strings.ToLower(s)
	}
	if l == (logsource{}) {
		return l, faulty(n, "a logsource has a category, a product or a service")
	}
	return l, nil
}

// detection reads searches and the condition over them, from a rule or a filter.
func (r *loading) detection(d document, rule *Rule, n *yaml.Node) (*expr, error) {
	if n == nil {
		return nil, faulty(d.node, "a rule has a detection")
	}
	all, err := members(n, "detection")
	if err != nil {
		return nil, err
	}
	s := &searches{field: rule.rename, placeholders: r.Placeholders, warn: func(at *yaml.Node, text string) {
		r.failed(d, &fault{line: at.Line, text: text, warning: true})
	}}
	found := map[string]*expr{}
	for _, m := range all {
		switch m.name {
		case "condition", "timeframe", "rules":
			continue
		}
		if len(found) >= mostSearches {
			return nil, faulty(m.key, "a rule has more than %d searches", mostSearches)
		}
		if found[m.name], err = s.read(m.value, m.name); err != nil {
			return nil, err
		}
	}
	cond := get(all, "condition")
	if cond == nil {
		return nil, faulty(n, "a detection has a condition")
	}
	conditions, err := texts(cond, "condition", 100)
	if err != nil {
		return nil, err
	}
	var any []*expr
	used, total := map[string]bool{}, 0
	count := func(es ...*expr) error {
		for _, e := range es {
			if total += e.size(); total > mostAtoms {
				return errors.New("the condition makes the rule too large")
			}
		}
		return nil
	}
	of := func(pattern string) ([]*expr, error) {
		es, err := named(found, pattern, used)
		return es, errors.Join(err, count(es...))
	}
	one := func(name string) (*expr, error) {
		if found[name] == nil {
			return nil, fmt.Errorf("condition: there is no search %q", plainly(name))
		}
		used[name] = true
		return found[name], count(found[name])
	}
	for _, c := range conditions {
		e, err := parseCondition(c, one, of)
		if err != nil {
			return nil, faulty(cond, "%w", err)
		}
		any = append(any, e)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !used[name] && !strings.HasPrefix(name, "_") {
			s.warn(cond, "no condition asks for the search "+plainly(name))
		}
	}
	return someOf(any...), nil
}

// named gives the searches that a pattern, or "them", stands for, in the order of their names.
func named(found map[string]*expr, pattern string, used map[string]bool) ([]*expr, error) {
	p := parsePattern(pattern)
	var out []*expr
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if pattern == "them" && strings.HasPrefix(name, "_") || pattern != "them" && !p.match([]byte(name)) {
			continue
		}
		used[name] = true
		out = append(out, found[name])
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("condition: no search is called like %q", plainly(pattern))
	}
	return out, nil
}

// filter takes out of rules what a filter describes. Its condition is what is left out; where it begins with not, it is what is left, as pySigma
// reads filters.
func (r *loading) filter(d document) error {
	n := get(d.members, "filter")
	source, err := readSource(d)
	if err != nil {
		return err
	}
	all, err := members(n, "filter")
	if err != nil {
		return err
	}
	names, err := texts(get(all, "rules"), "filter.rules", 1000)
	if err != nil {
		return err
	}
	var rules []*Rule
	for _, name := range names {
		switch rule := r.byID[name]; {
		case rule != nil && !source.covers(rule.source):
			return faulty(n, "the filter's logsource is not that of the rule %s", plainly(name))
		case rule != nil:
			rules = append(rules, rule)
		case name == "any":
			for _, rule := range r.rules {
				if source.covers(rule.source) {
					rules = append(rules, rule)
				}
			}
		case r.gone[name] != "":
			r.failed(d, &fault{text: fmt.Sprintf("the rule %s %s", plainly(name), r.gone[name]), warning: true})
		default:
			return faulty(n, "there is no rule %s", plainly(name))
		}
	}
	if len(names) == 0 {
		return faulty(n, "a filter has rules")
	}
	sum, err := digest(d.node)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		e, err := r.detection(d, rule, n)
		if err != nil {
			return err
		}
		if e.is != not {
			e = noneOf(e)
		}
		rule.expr = allOf(rule.expr, e)
		rule.Digest = mix(rule.Digest, sum)
	}
	return nil
}

// finish gives rules what they do not say themselves.
func (r *loading) finish() {
	for _, rule := range r.rules {
		if len(rule.Subject) > 0 {
			continue
		}
		rule.Subject = []string{"source.ip", "user.id"}
		if c := rule.Correlation; c != nil && len(c.GroupBy) > 0 {
			rule.Subject = c.GroupBy
		}
	}
}
