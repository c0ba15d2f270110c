package detect

import (
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a rule.
const (
	mostSearches   = 200
	mostAtoms      = 5000
	mostExpr       = 4096 // bytes of a regular expression
	mostText       = 8192 // bytes of a value
	mostMapEntries = 1000
)

// searches reads the searches of a rule.
type searches struct {
	field        func(name string) string // what a field of the rule is called in events
	placeholders map[string][]string
	atoms, bytes int // so far
	warn         func(n *yaml.Node, text string)
}

// read reads one search: a mapping, all of which must hold; a list of mappings, one of which must; or keywords.
func (s *searches) read(n *yaml.Node, what string) (*expr, error) {
	n = real(n)
	switch {
	case n.Kind == yaml.MappingNode:
		return s.fields(n, what)
	case n.Kind == yaml.SequenceNode:
		if len(n.Content) == 0 || len(n.Content) > mostMapEntries {
			return nil, faulty(n, "%s has no entries, or more than %d", what, mostMapEntries)
		}
		var parts []*expr
		for _, c := range n.Content {
			c = real(c)
			if c.Kind == yaml.SequenceNode {
				return nil, faulty(c, "%s: a list in a list", what)
			}
			e, err := s.read(c, what)
			if err != nil {
				return nil, err
			}
			parts = append(parts, e)
		}
		return someOf(parts...), nil
	case n.Kind == yaml.ScalarNode && !isNull(n):
		return s.item(n, "", n) // a keyword
	}
	return nil, faulty(n, "%s is empty", what)
}

func (s *searches) fields(n *yaml.Node, what string) (*expr, error) {
	all, err := members(n, what)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || len(all) > mostMapEntries {
		return nil, faulty(n, "%s has no fields, or more than %d", what, mostMapEntries)
	}
	var parts []*expr
	for _, m := range all {
		e, err := s.item(m.key, m.name, m.value)
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	return allOf(parts...), nil
}

// item reads a field with its modifiers, and its values.
func (s *searches) item(at *yaml.Node, name string, n *yaml.Node) (*expr, error) {
	words := strings.Split(name, "|")
	field := strings.TrimSpace(words[0])
	mods, err := readModifiers(words[1:])
	if err != nil {
		return nil, faulty(at, "%s: %v", plainly(name), err)
	}
	if field != "" {
		field = s.field(field)
	}
	values := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		values = n.Content
	}
	if len(values) == 0 || len(values) > mostValues {
		return nil, faulty(at, "%s has no values, or more than %d", plainly(name), mostValues)
	}
	if mods.all && len(values) == 1 && !mods.expand {
		s.warn(at, "the modifier all changes nothing about one value")
	}
	var parts []*expr
	for _, v := range values {
		v = real(v)
		if v.Kind != yaml.ScalarNode {
			return nil, faulty(v, "%s: a value is a text or a number", plainly(name))
		}
		es, err := s.values(field, mods, v)
		if err != nil {
			if _, ok := err.(*fault); ok {
				return nil, err
			}
			return nil, faulty(v, "%s: %v", plainly(name), err)
		}
		parts = append(parts, es...)
		if s.atoms += len(es); s.atoms > mostAtoms {
			return nil, faulty(v, "the rule has more than %d values", mostAtoms)
		}
	}
	return mods.join(parts), nil
}

func (m modifiers) join(parts []*expr) *expr {
	e := someOf(parts...)
	if m.all {
		e = allOf(parts...)
	}
	if m.neq {
		return noneOf(e)
	}
	return e
}

// values makes questions of one value.
func (s *searches) values(field string, m modifiers, n *yaml.Node) ([]*expr, error) {
	if len(n.Value) > mostText {
		return nil, fmt.Errorf("a value is longer than %d bytes", mostText)
	}
	if field == "" && (m.exists || m.ref || m.op != "" || m.part != "" || m.cidr || isNull(n)) {
		return nil, fmt.Errorf("a keyword is a text")
	}
	switch {
	case m.exists:
		return existence(field, n)
	case isNull(n) || n.Value == "" && !m.re && len(m.transform) == 0 && field != "":
		if len(m.transform) > 0 || m.re || m.cidr || m.op != "" || m.part != "" || m.ref {
			return nil, fmt.Errorf("null takes no modifiers")
		}
		return []*expr{ask(&atom{field: field, kind: isEmpty})}, nil
	case m.op != "" || m.part != "":
		return comparison(field, m, n)
	case m.cidr:
		net, err := netip.ParsePrefix(n.Value)
		if err != nil {
			return nil, fmt.Errorf("%q is no network", plainly(n.Value))
		}
		return []*expr{ask(&atom{field: field, kind: isInside, net: net.Masked()})}, nil
	case m.ref:
		a := &atom{field: field, kind: isOther, other: s.field(n.Value), cased: m.cased}
		if len(m.transform) > 0 {
			a.shape = map[string]shape{"contains": within, "startswith": prefix, "endswith": suffix}[m.transform[0]]
		}
		return []*expr{ask(a)}, nil
	}
	return s.texts(field, m, n)
}

func existence(field string, n *yaml.Node) ([]*expr, error) {
	e := ask(&atom{field: field, kind: isThere})
	switch strings.ToLower(n.Value) {
	case "true", "yes":
		return []*expr{e}, nil
	case "false", "no":
		return []*expr{noneOf(e)}, nil
	}
	return nil, fmt.Errorf("exists is true or false")
}

func comparison(field string, m modifiers, n *yaml.Node) ([]*expr, error) {
	num, ok := number(n)
	if !ok {
		return nil, fmt.Errorf("%q is no number", plainly(n.Value))
	}
	a := &atom{field: field, kind: isNumber, op: m.op, num: num, part: m.part}
	if m.part != "" {
		a.kind = isPart
	}
	return []*expr{ask(a)}, nil
}

// texts makes questions of a text: patterns, or a regular expression.
func (s *searches) texts(field string, m modifiers, n *yaml.Node) ([]*expr, error) {
	in := []value{{pat: parsePattern(n.Value), raw: n.Value}}
	if f, ok := number(n); ok && !m.re {
		in[0].pat = plainPattern(canonical(f))
	}
	if m.expand {
		var err error
		if in, err = s.expand(n.Value); err != nil {
			return nil, err
		}
	}
	for _, t := range m.transform {
		var err error
		if in, err = transforms[t](in); err != nil {
			return nil, err
		}
	}
	if len(in) > mostValues {
		return nil, fmt.Errorf("one value becomes more than %d", mostValues)
	}
	var out []*expr
	for _, v := range in {
		if s.bytes += len(v.pat); s.bytes > mostBytes {
			return nil, fmt.Errorf("the texts of the rule become more than %d KiB", mostBytes>>10)
		}
		if m.re {
			e, err := regular(field, m.flags, v.raw)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
			continue
		}
		if len(v.pat) == 0 && field != "" {
			out = append(out, ask(&atom{field: field, kind: isEmpty}))
			continue
		}
		if field == "" {
			v.pat = v.pat.from().until() // a keyword is looked for within values
		}
		if !m.cased {
			v.pat = v.pat.lower()
		}
		out = append(out, ask(&atom{field: field, kind: isText, cased: m.cased, text: v.pat.ready()}))
	}
	if m.all && len(out) > 1 {
		return []*expr{someOf(out...)}, nil // the spellings of one value: one of them is enough
	}
	return out, nil
}

// regular compiles an expression with the syntax of RE2, whose time is bounded by the length of what it reads.
func regular(field, flags, text string) (*expr, error) {
	if len(text) > mostExpr {
		return nil, fmt.Errorf("a regular expression is longer than %d bytes", mostExpr)
	}
	pre := ""
	if flags != "" {
		pre = "(?" + flags + ")"
	}
	re, err := regexp.Compile(pre + text)
	if err != nil {
		if e, ok := err.(*syntax.Error); ok && (e.Code == syntax.ErrInvalidPerlOp || e.Code == syntax.ErrInvalidEscape || e.Code == syntax.ErrMissingRepeatArgument || e.Code == syntax.ErrInvalidRepeatOp) {
			return nil, fmt.Errorf("the regular expression uses what RE2 has not (%s: %s); look-around, back-references and possessive quantifiers take unbounded time", e.Code, plainly(e.Expr))
		}
		return nil, fmt.Errorf("the regular expression: %v", err)
	}
	return ask(&atom{field: field, kind: isRegexp, expr: re}), nil
}

// expand replaces %names% by their values, each of which may have wildcards.
func (s *searches) expand(text string) ([]value, error) {
	out := []string{""}
	put := func(parts ...string) error {
		if len(out)*len(parts) > mostValues {
			return fmt.Errorf("placeholders give more than %d values", mostValues)
		}
		var more []string
		total := 0
		for _, o := range out {
			for _, p := range parts {
				more = append(more, o+p)
				total += len(o) + len(p)
			}
		}
		if out = more; total > mostBytes {
			return fmt.Errorf("placeholders give more than %d KiB", mostBytes>>10)
		}
		return nil
	}
	for rest := text; rest != ""; {
		at := strings.IndexByte(rest, '%')
		if at < 0 {
			at = len(rest)
		}
		escaped := at > 0 && at < len(rest) && rest[at-1] == '\\'
		if escaped {
			if err := put(rest[:at-1] + "%"); err != nil {
				return nil, err
			}
			rest = rest[at+1:]
			continue
		}
		if err := put(rest[:at]); err != nil {
			return nil, err
		}
		if rest = rest[at:]; rest == "" {
			break
		}
		name, after, ok := strings.Cut(rest[1:], "%")
		if !ok {
			if err := put(rest); err != nil {
				return nil, err
			}
			break
		}
		values, known := s.placeholders[name]
		if !known {
			return nil, fmt.Errorf("nothing says what the placeholder %%%s%% stands for", plainly(name))
		}
		if err := put(values...); err != nil {
			return nil, err
		}
		rest = after
	}
	values := make([]value, len(out))
	for i, o := range out {
		values[i] = value{pat: parsePattern(o), raw: o}
	}
	return values, nil
}
