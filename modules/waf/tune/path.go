package tune

import (
	"regexp"
	"strings"
)

// pattern is a path as exclusions name it: * is one segment, rest at the end any rest.
type pattern string

const rest = "**"

// written is the pattern as an exclusion spells it, where * at the end is any rest, too: it has no way to say one segment there.
func (p pattern) written() string { return strings.ReplaceAll(string(p), rest, "*") }

// usable tells whether an exclusion can have the pattern: neither long, nor left open nearly everywhere, nor of a detour (. and ..).
func (p pattern) usable() bool {
	for s := range strings.SplitSeq(string(p), "/") {
		if s == "." || strings.HasPrefix(s, "..") {
			return false
		}
	}
	return strings.HasPrefix(string(p), "/") && len(p) <= 256 && strings.Count(string(p), "*") <= 8
}

// of generalizes a path: what names a thing, and what a pattern can't spell, is *.
func of(path string) pattern {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		if s != "" && names(s) {
			segments[i] = "*"
		}
	}
	return pattern("/" + strings.Join(segments, "/"))
}

var (
	plain = regexp.MustCompile(`^[A-Za-z0-9_.~-]+$`)
	ids   = regexp.MustCompile(`^(?:` +
		`[0-9]+` + // a number
		`|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}` + // a UUID
		`|[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}` + // a ULID
		`|[A-Z2-7]{26}` + // as Go's rand.Text
		`|[0-9a-fA-F]{16,}` + // a digest, or another random number
		`)$`)
	digits = regexp.MustCompile(`[0-9]`)
)

func names(segment string) bool {
	if !plain.MatchString(segment) || ids.MatchString(segment) {
		return true
	}
	// Long and with digits all over: random text of another alphabet.
	return len(segment) >= 20 && len(digits.FindAllString(segment, -1)) >= 3 && !strings.ContainsAny(segment, ".~")
}

// ofRoute is a route template as a pattern, "" if it can't be one.
func ofRoute(route string) pattern {
	i := strings.Index(route, "/")
	if i < 0 {
		return ""
	}
	segments := strings.Split(route[i+1:], "/")
	for i, s := range segments {
		switch {
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "...}") && i == len(segments)-1:
			segments[i] = rest
		case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
			segments[i] = "*"
		case s != "" && !plain.MatchString(s):
			return ""
		}
	}
	return pattern("/" + strings.Join(segments, "/"))
}

// covers tells whether every path of the other pattern is one of p's.
func (p pattern) covers(other pattern) bool {
	a, b := strings.Split(string(p), "/"), strings.Split(string(other), "/")
	for i, s := range a {
		if s == rest && i == len(a)-1 {
			return len(b) >= i
		}
		if i >= len(b) || b[i] == rest || s != "*" && s != b[i] || s == "*" && b[i] == "" {
			return false
		}
	}
	return len(a) == len(b)
}

// narrow is how much of the path a pattern spells out.
func (p pattern) narrow() (literal int) {
	for s := range strings.SplitSeq(string(p), "/") {
		switch s {
		case rest:
			literal -= 100
		case "*":
		default:
			literal++
		}
	}
	return literal
}
