package waf

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// names is what a path pattern means, said once more and without an expression.
func (p PathPattern) names(path string) bool {
	head, rest := strings.CutSuffix(string(p), "*")
	want, got := strings.Split(head, "/"), strings.Split(path, "/")
	if len(got) < len(want) || !rest && len(got) != len(want) {
		return false
	}
	for i, g := range got {
		switch {
		case rest && i == len(want)-1: // the pattern's last, of which a rest follows
			tail, ok := strings.CutPrefix(g, want[i])
			if !ok || want[i] == "" && tail != "" && !ordinary(tail) || strings.ContainsFunc(tail, strange) {
				return false
			}
		case i >= len(want): // the rest
			if g != "" && !ordinary(g) {
				return false
			}
		case want[i] == "*":
			if !ordinary(g) {
				return false
			}
		case want[i] != g:
			return false
		}
	}
	return true
}

func strange(c rune) bool { return c < ' ' || c == '\\' || c == '%' }

func ordinary(s string) bool {
	return s != "" && s != "." && !strings.HasPrefix(s, "..") && !strings.HasPrefix(s, ".;") && !strings.ContainsFunc(s, strange)
}

func TestPathPatterns(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b.c", "*", ".x", "", "é"})
	text := rapid.SampledFrom([]string{"a", "b.c", "bxc", "x", "é", "", ".", "..", "..;", ".;", ".x", "...", "a\\b", "a%b", "a\n", "\n", "*", "a;b", "\x00", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		p := PathPattern("/" + strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "pattern"), "/") + rapid.SampledFrom([]string{"", "/*", "q*"}).Draw(t, "end"))
		path := "/" + strings.Join(rapid.SliceOfN(text, 1, 6).Draw(t, "path"), "/")
		if err := p.validate(); err != nil {
			return
		}
		e, err := regexp.Compile("(?sm)" + expressionOf([]PathPattern{p})) // as Coraza compiles it
		if err != nil {
			t.Fatal(err)
		}
		if e.MatchString(path) != p.names(path) {
			t.Fatalf("%s and %q: %t by its expression %s", p, path, e.MatchString(path), e)
		}
	})
}

func FuzzPathPattern(f *testing.F) {
	f.Add("/api/rooms/*/messages", "/api/rooms/a/messages")
	f.Add("/a*", "/abc/../d")
	f.Add("/a/*", "/a/")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		p := PathPattern(pattern)
		if p.validate() != nil {
			return
		}
		e, err := regexp.Compile("(?sm)" + expressionOf([]PathPattern{p}))
		if err != nil || strings.ContainsAny(e.String(), "\"'\n,") {
			t.Fatalf("%s: %v %v", p, e, err)
		}
		if e.MatchString(path) != p.names(path) {
			t.Fatalf("%s and %q: %t by its expression", p, path, e.MatchString(path))
		}
	})
}
