package ratelimit

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Route is a method and a path that a zone applies to.
type Route struct {
	// Methods; none: all.
	Methods []string `json:"methods,omitempty"`

	// The path without escapes. A segment * is any one segment; a last segment * is any rest, also none.
	Path string `json:"path"`
}

func (p *Route) validate() error {
	if !strings.HasPrefix(p.Path, "/") || strings.ContainsAny(p.Path, "?#;\\") {
		return fmt.Errorf("match %q: a path begins with /, and has no query", p.Path)
	}
	for _, s := range strings.Split(p.Path, "/") {
		if strings.Contains(s, "*") && s != "*" {
			return fmt.Errorf("match %q: * stands for a whole segment", p.Path)
		}
	}
	for _, m := range p.Methods {
		if m == "" || strings.ToUpper(m) != m {
			return fmt.Errorf("match %q: a method is in capitals", m)
		}
	}
	p.Path = clean(p.Path)
	return nil
}

// matches is asked with a clean path.
func (p *Route) matches(method, path string) bool {
	if len(p.Methods) > 0 && !slices.Contains(p.Methods, method) {
		return false
	}
	pattern, path := p.Path[1:], path[1:]
	for {
		want, patternRest, more := strings.Cut(pattern, "/")
		if want == "*" && !more {
			return true
		}
		have, pathRest, pathMore := strings.Cut(path, "/")
		if want != "*" && want != have || want == "*" && have == "" {
			return false
		}
		if !more || !pathMore {
			// At the end of both; or the pattern goes on with a * that may be nothing.
			return more == pathMore || more && patternRest == "*"
		}
		pattern, path = patternRest, pathRest
	}
}

// clean brings spellings that some back end takes for the same path to one: case, // and dots, a last /, \ for /, and
// parameters of segments. Where it takes two paths for one that are not, they share a limit, which is the safe side.
func clean(p string) string {
	if plain(p) {
		return p
	}
	p = strings.ToLower(strings.ReplaceAll(p, `\`, "/"))
	if strings.Contains(p, ";") {
		segments := strings.Split(p, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		p = strings.Join(segments, "/")
	}
	return path.Clean("/" + p)
}

// plain tells whether clean would change nothing, without making anything.
func plain(p string) bool {
	if p == "" || p[0] != '/' || len(p) > 1 && p[len(p)-1] == '/' {
		return false
	}
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c >= 'A' && c <= 'Z', c >= 0x80, c == '\\', c == ';':
			return false
		case c == '/' && i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.'):
			return false
		}
	}
	return true
}
