package record

import (
	"errors"
	"fmt"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// template is text with variables: room/{room}, {.id}.
type template struct {
	parts []part
	size  int // about
}

// part is text, a variable of the path, or a member of the record.
type part struct{ literal, variable, member string }

// Vars are the variables of a path.
type Vars func(name string) (string, bool)

// NoVars is where there are none.
func NoVars(string) (string, bool) { return "", false }

// recordPrefix begins the variables that are members of the record. ({.room} would be the variable of the environment to a Caddyfile.)
const recordPrefix = "."

func parseTemplate(text string, known func(string) bool) (*template, error) {
	t := &template{}
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, fmt.Errorf("%q: a brace has no partner", text)
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !found {
			break
		}
		name, next, found := strings.Cut(after, "}")
		if !found {
			return nil, fmt.Errorf("%q: a brace has no partner", text)
		}
		member, ok := strings.CutPrefix(name, recordPrefix)
		switch {
		case ok && member != "":
			t.parts = append(t.parts, part{member: member})
		case ok || !known(name):
			return nil, fmt.Errorf("%q: {%s} is neither a variable of the path nor a member, as {.room}", text, name)
		default:
			t.parts = append(t.parts, part{variable: name})
		}
		rest = next
	}
	if len(t.parts) == 0 {
		return nil, errors.New("is empty")
	}
	t.size = len(text) + 32
	return t, nil
}

// constant tells whether the same comes out for every record of a document.
func (t *template) constant() bool {
	for _, p := range t.parts {
		if p.member != "" {
			return false
		}
	}
	return true
}

// maxValue bounds what one variable adds, in bytes.
const maxValue = 256

// errValue says that a variable has no value that can name a thing.
var errValue = errors.New("a name can't be made: a part of it is missing or no plain value")

// append adds what comes out. Slashes in values are written %2F (and % %25), so that two names never come out as one.
func (t *template) append(dst []byte, vars Vars, get func(member string) (string, bool)) ([]byte, error) {
	for _, p := range t.parts {
		if p.literal != "" {
			dst = append(dst, p.literal...)
			continue
		}
		var v string
		var ok bool
		if p.member != "" {
			v, ok = get(p.member)
		} else {
			v, ok = vars(p.variable)
		}
		if !ok || v == "" || len(v) > maxValue {
			return dst, errValue
		}
		for i := range len(v) {
			switch v[i] {
			case '/':
				dst = append(dst, "%2F"...)
			case '%':
				dst = append(dst, "%25"...)
			default:
				dst = append(dst, v[i])
			}
		}
	}
	return dst, nil
}

// memberOf gives members of an object.
func memberOf(v *strictjson.Value) func(string) (string, bool) {
	return func(name string) (string, bool) {
		m, err := v.Get(name)
		if m == nil || err != nil {
			return "", false
		}
		return m.Scalar()
	}
}

// Name is a template outside of records: of variables of the path alone.
type Name struct{ t *template }

// ParseName reads one.
func ParseName(text string, known func(string) bool) (*Name, error) {
	t, err := parseTemplate(text, known)
	if err != nil {
		return nil, err
	}
	return &Name{t}, nil
}

// Constant tells whether the path alone names it.
func (n *Name) Constant() bool { return n.t.constant() }

// Of is the name for a path.
func (n *Name) Of(vars Vars) (string, error) {
	b, err := n.t.append(make([]byte, 0, n.t.size), vars, NoVars)
	return string(b), err
}
