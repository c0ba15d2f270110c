package seclang

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// Program is a configuration: its rules in the order they are evaluated, and the directives that change rules or set things.
type Program struct {
	Rules    []*Rule
	Settings []Setting
}

// Setting is a directive that is no rule.
type Setting struct {
	Name string // lower case
	Args string
}

// Rule is a rule with its chain, or a marker.
type Rule struct {
	ID     int    // 0 for a marker
	Phase  int    // 1 to 5; 0 for a marker
	Marker string // the name of a marker, else ""
	Tags   []string
	Links  []Link // the rule itself, then its chain; none for a marker
	Raw    string // the text of the first link, or of the marker

	Removed bool // by a later directive
}

// Link is one condition of a chain, and what happens when it holds.
type Link struct {
	Phase      int  // of the rule
	Always     bool // SecAction: no condition
	Targets    []Target
	Not        bool
	Op         string // the operator, without @, as it is written
	Arg        string // its argument
	Transforms []string
	Multi      bool // each value on the way through the transformations is tried too
	Capture    bool
	Dir        string // where data files are looked for
	Actions    []Action
}

// Target is a variable, or a part of a collection.
type Target struct {
	Name   string // upper case
	Key    string // lower case but for arguments, which are case sensitive; "": all of it. With Regex, an expression
	Regex  bool
	Count  bool
	Except []Target // parts of the same variable that are left out
}

// Action is one action with its value, the name in lower case.
type Action struct{ Name, Value string }

// Parse reads a configuration; includes are read from root.
func Parse(text string, root fs.FS) (*Program, error) {
	directives, err := read(text, root)
	if err != nil {
		return nil, err
	}
	p := new(Program)
	var open *Rule // expects a link of its chain
	for _, d := range directives {
		switch d.name {
		case "secmarker":
			p.Rules = append(p.Rules, &Rule{Marker: strings.Trim(d.args, `"`), Raw: "SecMarker " + d.args})
		case "secrule", "secaction":
			link, meta, err := parseLink(d)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.raw, err)
			}
			if open == nil {
				open = &Rule{ID: meta.id, Phase: meta.phase, Tags: meta.tags, Raw: d.raw}
				p.Rules = append(p.Rules, open)
			}
			link.Phase = open.Phase
			open.Links = append(open.Links, link)
			if !meta.chain {
				open = nil
			}
		default:
			p.Settings = append(p.Settings, Setting{d.name, d.args})
			if err := p.remove(d); err != nil {
				return nil, fmt.Errorf("%s: %w", d.raw, err)
			}
		}
	}
	return p, nil
}

// remove does what a directive says of the rules that stand before it.
func (p *Program) remove(d directive) error {
	switch d.name {
	case "secruleremovebyid":
		for _, f := range strings.Fields(d.args) {
			from, to, err := IDs(f)
			if err != nil {
				return err
			}
			for _, r := range p.Rules {
				r.Removed = r.Removed || r.ID >= from && r.ID <= to && r.ID != 0
			}
		}
	case "secruleremovebytag":
		for _, r := range p.Rules {
			r.Removed = r.Removed || slices.Contains(r.Tags, d.args)
		}
	}
	return nil
}

// IDs reads an id or a range of ids.
func IDs(s string) (from, to int, err error) {
	a, b, ranged := strings.Cut(strings.Trim(s, `"`), "-")
	if from, err = strconv.Atoi(a); err != nil || !ranged {
		return from, from, err
	}
	to, err = strconv.Atoi(b)
	return from, to, err
}

type meta struct {
	id, phase int
	tags      []string
	chain     bool
}

func parseLink(d directive) (Link, meta, error) {
	l, m := Link{Dir: d.dir}, meta{phase: 2}
	actions := unquote(d.args)
	if d.name == "secaction" {
		l.Always = true
	} else {
		vars, op, rest, err := split(d.args)
		if err != nil {
			return l, m, err
		}
		if l.Targets, err = parseTargets(vars); err != nil {
			return l, m, err
		}
		l.Not, l.Op, l.Arg = parseOperator(op)
		actions = rest
	}
	if actions != "" {
		l.Actions = parseActions(actions)
	}
	for _, a := range l.Actions {
		switch a.Name {
		case "t":
			if a.Value == "none" {
				l.Transforms = nil
			} else {
				l.Transforms = append(l.Transforms, a.Value)
			}
		case "multimatch":
			l.Multi = true
		case "capture":
			l.Capture = true
		case "chain":
			m.chain = true
		case "tag":
			m.tags = append(m.tags, a.Value)
		case "id":
			n, err := strconv.Atoi(a.Value)
			if err != nil {
				return l, m, fmt.Errorf("id %q", a.Value)
			}
			m.id = n
		case "phase":
			n, err := phase(a.Value)
			if err != nil {
				return l, m, err
			}
			m.phase = n
		}
	}
	return l, m, nil
}

func phase(s string) (int, error) {
	switch s {
	case "request":
		return 2, nil
	case "response":
		return 4, nil
	case "logging":
		return 5, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 5 {
		return 0, fmt.Errorf("phase %q", s)
	}
	return n, nil
}

// split takes a SecRule apart: targets, operator without its quotes, actions without theirs.
func split(s string) (vars, op, actions string, err error) {
	vars, rest, ok := strings.Cut(strings.Trim(s, " "), " ")
	rest = strings.TrimLeft(rest, " ")
	end := closing(rest)
	if !ok || end < 0 {
		return "", "", "", fmt.Errorf("no quoted operator in %q", s)
	}
	op = strings.ReplaceAll(rest[1:end], `\"`, `"`)
	if rest = strings.TrimLeft(rest[end+1:], " "); rest == "" {
		return vars, op, "", nil
	}
	if len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"' {
		return "", "", "", fmt.Errorf("no quoted actions in %q", s)
	}
	return vars, op, rest[1 : len(rest)-1], nil
}

// closing finds the quote that ends the string which s begins with, -1 for none.
func closing(s string) int {
	if s == "" || s[0] != '"' {
		return -1
	}
	backslashes := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			backslashes++
			continue
		case s[i] == '"' && backslashes%2 == 0:
			return i
		}
		backslashes = 0
	}
	return -1
}

func parseOperator(s string) (not bool, op, arg string) {
	switch {
	case s == "" || s[0] != '@' && s[0] != '!':
		return false, "rx", strings.TrimSpace(s)
	case s == "!":
		return true, "rx", ""
	case s[0] == '!' && s[1] != '@':
		return true, "rx", strings.TrimSpace(s[1:])
	}
	op, arg, _ = strings.Cut(s, " ")
	op, arg = strings.TrimSpace(op), strings.TrimSpace(arg)
	not = op[0] == '!'
	return not, strings.TrimLeft(op, "!@"), arg
}

// parseActions splits at commas outside of single quotes.
func parseActions(s string) (out []Action) {
	add := func(part string) {
		name, value, _ := strings.Cut(part, ":")
		out = append(out, Action{strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))})
	}
	start, quoted := 0, false
	for i := 1; i < len(s); i++ {
		switch {
		case s[i-1] == '\\': // escaped
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			add(s[start:i])
			start = i + 1
		}
	}
	add(s[start:])
	return out
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// parseTargets reads VARIABLE|COLLECTION:key|&COUNT|!COLLECTION:/expression/. Exceptions apply to the targets of their variable that stand before them.
func parseTargets(s string) ([]Target, error) {
	var out []Target
	for _, part := range cutTargets(s) {
		t, not, err := parseTarget(part)
		if err != nil {
			return nil, err
		}
		if !not {
			out = append(out, t)
			continue
		}
		for i := range out {
			if out[i].Name == t.Name {
				out[i].Except = append(out[i].Except, t)
			}
		}
	}
	return out, nil
}

// cutTargets splits at bars outside of expressions.
func cutTargets(s string) (out []string) {
	start, regex := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case !regex && s[i] == '/' && i > 0 && (s[i-1] == ':' || s[i-1] == '\'') && !strings.HasPrefix(strings.TrimLeft(s[start:], "!&"), "XML:"):
			regex = true
		case regex && s[i] == '/' && escapes(s[start:i])%2 == 0:
			regex = false
		case !regex && s[i] == '|':
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// escapes counts the backslashes that s ends with.
func escapes(s string) int { return len(s) - len(strings.TrimRight(s, `\`)) }

func parseTarget(s string) (t Target, not bool, err error) {
	for s != "" && (s[0] == '!' || s[0] == '&') {
		not, t.Count = not || s[0] == '!', t.Count || s[0] == '&'
		s = s[1:]
	}
	name, key, _ := strings.Cut(s, ":")
	t.Name = strings.ToUpper(name)
	if t.Name == "" {
		return t, not, fmt.Errorf("target %q has no variable", s)
	}
	if t.Name != "XML" {
		key = strings.Trim(key, "'")
		if len(key) >= 2 && key[0] == '/' && key[len(key)-1] == '/' {
			t.Regex, key = true, key[1:len(key)-1]
		}
	}
	if !caseSensitive(t.Name) {
		key = strings.ToLower(key)
	}
	t.Key = key
	return t, not, nil
}

func caseSensitive(name string) bool { return strings.HasPrefix(name, "ARGS") }

// Last returns the argument of the last directive of a name (in lower case), "" if there is none.
func (p *Program) Last(name string) (args string) {
	for _, s := range p.Settings {
		if s.Name == name {
			args = s.Args
		}
	}
	return args
}

// Same tells whether the rules that a WAF compiled, in their order, are those of the program. A marker has the id 0.
func (p *Program) Same(ids []int, raws []string) bool {
	if len(ids) != len(p.Rules) || len(raws) != len(p.Rules) {
		return false
	}
	for i, r := range p.Rules {
		if r.ID != ids[i] || r.Marker == "" && r.Raw != raws[i] {
			return false
		}
	}
	return true
}
