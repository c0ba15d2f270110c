package route

import (
	"fmt"
	"strings"
)

// Pattern is a path with variables: literal segments, {name} for one segment, and {name...} at the end for any number.
type Pattern struct {
	text  string
	parts []part
	rest  string // the variable that takes the rest, "" none
}

type part struct {
	literal string // "" where it is a variable
	name    string
}

// ParsePattern reads one. Literal segments are what requests may bring: see Segments.
func ParsePattern(text string) (*Pattern, error) {
	if !strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf("path %q: it must begin with a slash", text)
	}
	p := &Pattern{text: text}
	if text == "/" {
		return p, nil
	}
	seen := map[string]bool{}
	segs := strings.Split(text[1:], "/")
	for i, s := range segs {
		if !strings.ContainsAny(s, "{}") {
			if err := checkLiteral(s); err != nil {
				return nil, fmt.Errorf("path %q: %w", text, err)
			}
			p.parts = append(p.parts, part{literal: s})
			continue
		}
		name, ok := strings.CutPrefix(s, "{")
		name, ok2 := strings.CutSuffix(name, "}")
		if !ok || !ok2 {
			return nil, fmt.Errorf("path %q: a variable fills a whole segment, as /rooms/{room}", text)
		}
		name, rest := strings.CutSuffix(name, "...")
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("path %q: %w", text, err)
		}
		if seen[name] {
			return nil, fmt.Errorf("path %q: {%s} stands twice", text, name)
		}
		seen[name] = true
		if !rest {
			p.parts = append(p.parts, part{name: name})
			continue
		}
		if i != len(segs)-1 {
			return nil, fmt.Errorf("path %q: {%s...} must stand at the end", text, name)
		}
		p.rest = name
	}
	return p, nil
}

func checkLiteral(s string) error {
	if s == "" {
		return fmt.Errorf("it must not have two slashes together, nor end in one")
	}
	if strings.ContainsAny(s, "*%") {
		return fmt.Errorf("write {name} or {name...} for a wildcard, and plain text in place of %%-encoding")
	}
	return checkSegment(s)
}

// checkName refuses names that the Caddyfile itself would replace: {file} and {path} are Caddy's.
func checkName(name string) error {
	if strings.Contains(name, ".") {
		return fmt.Errorf("the variable {%s} can't be named so: is it one of Caddy's own short names ({file}, {path}, {host}, …)?", name)
	}
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return fmt.Errorf("the variable {%s} must be named in letters, digits and underscores", name)
	}
	return nil
}

// Has tells whether the pattern sets the variable. The one that takes the rest holds slashes, so it names nothing.
func (p *Pattern) Has(name string) bool {
	for _, s := range p.parts {
		if s.name == name {
			return true
		}
	}
	return false
}

// Value returns a variable's value in a path that matched.
func (p *Pattern) Value(name string, segs []string) (string, bool) {
	for i, s := range p.parts {
		if s.name == name && i < len(segs) {
			return segs[i], true
		}
	}
	return "", false
}

// String is the pattern as it was written.
func (p *Pattern) String() string { return p.text }
