package authorize

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// template is text with variables: room:{room}.
type template struct {
	parts []templatePart
}

type templatePart struct{ literal, name string }

// parseTemplate reads a template whose variables are all known.
func parseTemplate(text string, known func(name string) bool) (*template, error) {
	t := &template{}
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			if strings.Contains(literal, "}") {
				return nil, fmt.Errorf("%q: a brace has no partner", text)
			}
			t.parts = append(t.parts, templatePart{literal: literal})
		}
		if !found {
			break
		}
		name, next, found := strings.Cut(after, "}")
		if !found || strings.Contains(name, "{") {
			return nil, fmt.Errorf("%q: a brace has no partner", text)
		}
		if !known(name) {
			return nil, fmt.Errorf("%q: nothing here is called {%s}", text, name)
		}
		t.parts = append(t.parts, templatePart{name: name})
		rest = next
	}
	return t, nil
}

// values resolves a variable; an error says why it can't be.
type values func(name string) (string, error)

// errValue says that a name can't be made from what was sent.
var errValue = errors.New("a value is missing, empty, too long, or can't name a thing")

// maxID is the most bytes an id may have.
const maxID = 256

// fill resolves the template. Values go in as they are, never read as templates themselves.
func (t *template) fill(v values) (string, error) {
	if len(t.parts) == 1 && t.parts[0].name == "" {
		return t.parts[0].literal, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		s, err := v(p.name)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (t *template) each(f func(name string) bool) bool {
	for _, p := range t.parts {
		if p.name != "" && f(p.name) {
			return true
		}
	}
	return false
}

// objectType is what types are made of.
const objectType = "abcdefghijklmnopqrstuvwxyz0123456789_-"

// objectTemplate is type:id, the type fixed and the id a template.
type objectTemplate struct {
	kind string
	id   *template
}

func parseObject(text string, known func(string) bool) (*objectTemplate, error) {
	kind, id, ok := strings.Cut(text, ":")
	if !ok || kind == "" || id == "" || strings.Trim(kind, objectType) != "" {
		return nil, fmt.Errorf("%q: write an object as type:id, the type in lower case, as room:{room}", text)
	}
	t, err := parseTemplate(id, known)
	if err != nil {
		return nil, err
	}
	return &objectTemplate{kind, t}, nil
}

func (o *objectTemplate) fill(v values) (engine.Object, error) {
	if o == nil {
		return engine.Object{}, nil
	}
	id, err := o.id.fill(v)
	if err != nil {
		return engine.Object{}, err
	}
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || strings.ContainsFunc(id, isControl) {
		return engine.Object{}, errValue
	}
	return engine.Object{Type: o.kind, ID: id}, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// person resolves the name of a person. A value never becomes everyone, nor an object.
func (t *template) person(v values) (string, error) {
	s, err := t.fill(v)
	if err != nil {
		return "", err
	}
	if !grant.IsPerson(s) || len(s) > maxID {
		return "", errValue
	}
	return s, nil
}
