package screen

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"pgregory.net/rapid"
	"rsc.io/binaryregexp"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// The automaton says what regexp says.
func TestDFA(t *testing.T) {
	for _, expr := range []string{"a", "^a", "a$", `\ba`, `a\b`, `\Ba\B`, "^$", "", "(?i)ks", "(?m)^b$", "a.c", "(?s)a.c", "[^a]b", "(?i)[^k]", `\x{fffd}`, "ab*c+d?", "(a|b)*abb", "x{2,4}y", `\z`, `\Aab\z`, "é|ü", `[à-ÿ]x`, `(?i)ÿ`} {
		d, re := newDFA(expr, false), regexp.MustCompile(expr)
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.StringOfN(rapid.SampledFrom([]rune("abcdxy ksKS\nſKéüÿŸ�_0")), 0, 12, -1).Draw(t, "text")
			if rapid.Bool().Draw(t, "broken") {
				text = text[:rapid.IntRange(0, len(text)).Draw(t, "cut")] + "\xff" + "\xc3"
			}
			if d.match(text) != re.MatchString(text) {
				t.Fatalf("%q on %q: %v", expr, text, d.match(text))
			}
		})
	}
}

// So it does for the expressions of the Core Rule Set, on texts made of their own letters.
func TestDFARules(t *testing.T) {
	p, err := seclang.Parse("Include @owasp_crs/*.conf", coreruleset.FS)
	if err != nil {
		t.Fatal(err)
	}
	seen, rng := map[string]bool{}, rand.New(rand.NewPCG(1, 2))
	for _, r := range p.Rules {
		for _, l := range r.Links {
			if l.Op != "rx" || seen[l.Arg] || binary(l.Arg) {
				continue
			}
			seen[l.Arg] = true
			d, re := newDFA(expression(l.Arg), false), regexp.MustCompile(expression(l.Arg))
			if d == nil {
				t.Errorf("rule %d has no automaton", r.ID)
				continue
			}
			for range 40 {
				text := generate(expression(l.Arg), rng)
				for range 1 + rng.IntN(3) {
					if got, want := d.match(text), re.MatchString(text); got != want {
						t.Fatalf("rule %d on %q: %v, not %v", r.ID, text, got, want)
					}
					text = mutate(text, rng)
				}
			}
		}
	}
	if len(seen) < 150 {
		t.Fatalf("only %d expressions", len(seen))
	}
}

const punctuation = " '\"\\/*;%+&\n-#kKsS"

// Of expressions about bytes it says what binaryregexp says.
func TestDFABytes(t *testing.T) {
	for _, expr := range []string{`\x{bc}[^>\x{be}]*[>\x{be}]|<[^\x{be}]*\x{be}`, `\xbc\b`, `^\xff.$`, `[\x80-\xff]a`, `[^\x80]\xc3`} {
		d, re := newDFA(expr, true), binaryregexp.MustCompile(expr)
		rapid.Check(t, func(t *rapid.T) {
			text := string(rapid.SliceOfN(rapid.SampledFrom([]byte("<>a \n\x00\x80\xbc\xbe\xc3\xff")), 0, 8).Draw(t, "text"))
			if d.match(text) != re.MatchString(text) {
				t.Fatalf("%q on %q: %v", expr, text, d.match(text))
			}
		})
	}
}

// mutate changes a text a little.
func mutate(s string, rng *rand.Rand) string {
	b := []byte(s)
	if len(b) == 0 {
		return "x"
	}
	switch i := rng.IntN(len(b)); rng.IntN(4) {
	case 0:
		b[i] = byte(rng.IntN(256))
	case 1:
		b = slices.Delete(b, i, i+1)
	case 2:
		b = slices.Insert(b, i, punctuation[rng.IntN(len(punctuation))])
	default:
		j := i + rng.IntN(len(b)-i)
		b = append(b[:j:j], b[i:]...)
	}
	return string(b)
}

// A text that asks for more states than there may be costs what regexp costs, and leaves the automaton to the others.
func TestDFAExplosion(t *testing.T) {
	for _, expr := range []string{`(?:a[ab]{0,60}){3}c`, `a.{0,100}c`, `(?:a|b)*a(?:a|b){14}c`, `a[ab]{200}c`} {
		d, rng := newDFA(expr, false), rand.New(rand.NewPCG(1, 1))
		start := d.start.Load()
		text := make([]byte, 20<<10)
		for i := range text {
			text[i] = "ab"[rng.IntN(2)]
		}
		if d.match(string(text)) {
			t.Errorf("%s matches", expr)
		}
		if d.start.Load() != start {
			t.Errorf("%s: the automaton began anew for one text", expr)
		}
		if !d.match(string(text)+strings.Repeat("b", 10)+"c") && !strings.Contains(expr, "14") && !strings.Contains(expr, "200") {
			t.Errorf("%s does not match", expr)
		}
	}
}
