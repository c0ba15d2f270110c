package waf

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Bounds of a path pattern, which becomes an expression that each request is matched with.
const (
	maxPattern   = 256
	maxWildcards = 8
)

// A segment that a * stands for: not empty, none of those with which a back end would leave its place (. and .. , also as `..;`),
// no backslash, which some take for a slash, and no % or control character, which a second decoding would make something else of.
const (
	plain   = `[^/\\%\x00-\x1f]`
	segment = `(?:[^/\\%.\x00-\x1f]` + plain + `*|\.[^/\\%.;\x00-\x1f]` + plain + `*)`
)

// PathPattern names paths, decoded and as the client sent them: /api/rooms/*/messages. A * that is a whole segment stands for
// exactly one; at the end, as in /api/* and /api/v*, it stands for any rest, also none. Neither stands for a segment that is . or
// begins with .. , nor for one with a backslash, a %, or a control character: an exclusion must not be reached by a detour.
type PathPattern string

func (p PathPattern) validate() error {
	s := string(p)
	switch {
	case len(s) > maxPattern:
		return fmt.Errorf("path of %d bytes: it has at most %d", len(s), maxPattern)
	case !strings.HasPrefix(s, "/"):
		return fmt.Errorf("path %q: it begins with /", s)
	case strings.Contains(s, "**"):
		return fmt.Errorf("path %q: a single * at the end stands for the whole rest", s)
	case strings.Count(s, "*") > maxWildcards:
		return fmt.Errorf("path %q: it has at most %d *", s, maxWildcards)
	}
	for _, c := range s {
		if !strings.ContainsRune("/_.~@:+=-*", c) && (c == unicode.ReplacementChar || !unicode.IsLetter(c) && !unicode.IsDigit(c)) {
			return fmt.Errorf("path %q: it has letters, digits and /_.~@:+=- beside *", s)
		}
	}
	all := strings.Split(s, "/")
	for i, part := range all {
		last := i == len(all)-1
		name, rest := part, false
		if last {
			name, rest = strings.CutSuffix(part, "*")
		}
		if name == "." || strings.HasPrefix(name, "..") {
			return fmt.Errorf("path %q: no segment is a dot or begins with two", s)
		}
		if strings.Contains(name, "*") && (name != "*" || rest) {
			return fmt.Errorf("path %q: a * is a whole segment, or stands at the end", s)
		}
	}
	return nil
}

// expression is what a path is matched with, in a language that Go, RE2 and so Coraza's @rx read alike. It holds no quote.
func (p PathPattern) expression() string {
	head, rest := strings.CutSuffix(string(p), "*")
	parts := strings.Split(head, "/")
	for i, part := range parts {
		if part == "*" {
			parts[i] = segment
		} else {
			parts[i] = regexp.QuoteMeta(part)
		}
	}
	e := strings.Join(parts, "/")
	switch {
	case !rest:
		return e
	case strings.HasSuffix(head, "/"):
		return e + segment + `?(?:/` + segment + `?)*`
	}
	return e + plain + `*(?:/` + segment + `?)*`
}

// expressionOf matches a path that one of the patterns names, and nothing beside: \A and \z, since Coraza reads ^ and $ line by line.
func expressionOf(patterns []PathPattern) string {
	all := make([]string, len(patterns))
	for i, p := range patterns {
		all[i] = p.expression()
	}
	return `\A(?:` + strings.Join(all, "|") + `)\z`
}

func validatePaths(patterns []PathPattern) error {
	if len(patterns) > maxPaths {
		return fmt.Errorf("%d paths: there are at most %d", len(patterns), maxPaths)
	}
	for _, p := range patterns {
		if err := p.validate(); err != nil {
			return err
		}
	}
	return nil
}
