package detect

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// value is one value of a rule on its way through its modifiers.
type value struct {
	pat pattern
	raw string // as written: regular expressions, addresses and names take it
}

// Bounds of what the values of one field may become, and of what all the texts of a rule may have.
const (
	mostValues = 5000
	mostBytes  = 1 << 20
)

// transforms are the modifiers that make other texts of a text.
var transforms = map[string]func([]value) ([]value, error){
	"contains": func(in []value) ([]value, error) {
		return each(in, func(p pattern) pattern { return p.from().until() })
	},
	"startswith":   func(in []value) ([]value, error) { return each(in, pattern.until) },
	"endswith":     func(in []value) ([]value, error) { return each(in, pattern.from) },
	"base64":       encoded("base64", func(s string) []string { return []string{base64.StdEncoding.EncodeToString([]byte(s))} }),
	"base64offset": encoded("base64offset", base64Offsets),
	"utf16le":      encoded("utf16le", func(s string) []string { return []string{wide(s, false)} }),
	"wide":         encoded("wide", func(s string) []string { return []string{wide(s, false)} }),
	"utf16be":      encoded("utf16be", func(s string) []string { return []string{wide(s, true)} }),
	"utf16":        encoded("utf16", func(s string) []string { return []string{"\xff\xfe" + wide(s, false)} }),
	"windash":      windash,
}

func each(in []value, f func(pattern) pattern) ([]value, error) {
	out := make([]value, len(in))
	for i, v := range in {
		out[i] = value{pat: f(v.pat), raw: v.raw}
	}
	return out, nil
}

// encoded makes a modifier of f, which takes plain texts.
func encoded(name string, f func(string) []string) func([]value) ([]value, error) {
	return func(in []value) ([]value, error) {
		var out []value
		for _, v := range in {
			s, ok := v.pat.plain()
			if !ok {
				return nil, fmt.Errorf("%s takes no wildcards (%s)", name, plainly(v.raw))
			}
			for _, e := range f(s) {
				out = append(out, value{pat: plainPattern(e), raw: v.raw})
			}
		}
		return out, nil
	}
}

// base64Offsets gives what of an encoded s is the same wherever in an encoded text it stands: one text for each of the three places.
func base64Offsets(s string) []string {
	start, end := [3]int{0, 2, 3}, [3]int{0, 3, 2} // characters that the bytes before and behind have a part in
	var out []string
	for i := range 3 {
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", i) + s))
		from, to := start[i], len(e)-end[(len(s)+i)%3]
		if from < to {
			out = append(out, e[from:to])
		}
	}
	return out
}

func wide(s string, big bool) string {
	b := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

// dashes are what may begin a flag.
var dashes = []string{"-", "/", "–", "—", "―"}

// windash gives all spellings of texts whose flags may begin with any of dashes: where a dash stands before a word and not behind one.
func windash(in []value) ([]value, error) {
	var out []value
	for _, v := range in {
		spelled := []pattern{nil}
		for i := 0; i < len(v.pat); {
			n := dashAt(v.pat, i)
			if n == 0 {
				for k := range spelled {
					spelled[k] = append(spelled[k], v.pat[i])
				}
				i++
				continue
			}
			var more []pattern
			for _, s := range spelled {
				for _, d := range dashes {
					more = append(more, append(slices.Clone(s), plainPattern(d)...))
				}
			}
			if len(more) > mostValues || len(more)*len(v.pat) > mostBytes {
				return nil, errors.New("windash: too many dashes")
			}
			spelled, i = more, i+n
		}
		for _, s := range spelled {
			out = append(out, value{pat: s, raw: v.raw})
		}
	}
	return out, nil
}

// dashAt gives the length of the dash of a flag at i.
func dashAt(p pattern, i int) int {
	for _, d := range dashes {
		n := len(d)
		if i+n > len(p) || !slices.Equal(p[i:i+n], plainPattern(d)) {
			continue
		}
		if (i == 0 || !wordy(p[i-1])) && i+n < len(p) && wordy(p[i+n]) {
			return n
		}
	}
	return 0
}

func wordy(c int16) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// modifiers is what a field's modifiers come to.
type modifiers struct {
	transform []string // in their order
	all       bool     // every value must be there
	cased     bool
	neq       bool
	re        bool
	flags     string // of re
	cidr      bool
	exists    bool
	expand    bool
	ref       bool
	op        string // gt, gte, lt, lte
	part      string // of a time
}

// readModifiers sorts the words behind a field's name.
func readModifiers(words []string) (modifiers, error) {
	var m modifiers
	for i, w := range words {
		switch w {
		case "all":
			m.all = true
		case "cased":
			m.cased = true
		case "neq":
			m.neq = true
		case "re":
			m.re = true
		case "i", "m", "s", "ignorecase", "multiline", "dotall":
			if !m.re {
				return m, fmt.Errorf("modifier %s is of regular expressions: it stands behind re", w)
			}
			m.flags += map[string]string{"ignorecase": "i", "multiline": "m", "dotall": "s"}[w]
			if len(w) == 1 {
				m.flags += w
			}
		case "cidr":
			m.cidr = true
		case "exists":
			m.exists = true
		case "expand":
			m.expand = true
		case "fieldref":
			m.ref = true
		case "gt", "gte", "lt", "lte":
			m.op = w
		case "minute", "hour", "day", "week", "month", "year":
			m.part = w
		default:
			if transforms[w] == nil {
				return m, fmt.Errorf("there is no modifier %q", plainly(w))
			}
			m.transform = append(m.transform, w)
		}
		if slices.Contains(words[:i], w) {
			return m, fmt.Errorf("modifier %s is given twice", w)
		}
	}
	return m, m.fit()
}

// fit says no to modifiers that do not go together.
func (m modifiers) fit() error {
	types := 0
	for _, is := range []bool{m.re, m.cidr, m.exists, m.ref, m.op != "" || m.part != ""} {
		if is {
			types++
		}
	}
	edges := 0
	for _, t := range m.transform {
		if t == "contains" || t == "startswith" || t == "endswith" {
			edges++
		}
	}
	switch {
	case types > 1:
		return errors.New("modifiers that exclude each other")
	case edges > 1:
		return errors.New("contains, startswith and endswith exclude each other")
	case types == 1 && !m.ref && len(m.transform) > 0, m.ref && len(m.transform) > edges:
		return fmt.Errorf("modifier %s changes texts only", m.transform[0])
	case m.exists && (m.neq || m.all || m.cased || m.expand):
		return errors.New("exists stands alone")
	case m.cased && types == 1 && !m.ref:
		return errors.New("cased is of texts")
	}
	return nil
}
