package leak

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Rule is the condition of one response rule on the text of an answer.
type Rule struct {
	Expression string   // of the operator rx; Coraza adds the flags s and m
	Text       string   // of the operator contains
	Phrases    []string // of the operator pm, any letter case
	Squeezed   bool     // Text, in lower case, is looked for without regard to white space and letter case
	Gate       int      // 1 and up: it counts only where a phrase of that gate is found; 0: always
}

// Screen knows rules. It is safe for concurrent use.
type Screen struct {
	find     *automaton
	literals []literal
	checks   []check
	gates    int
	always   []int // checks that no literal announces
	squeezed *automaton
}

// literal is what the automaton looks for.
type literal struct {
	text  string // in lower case; the key is its beginning
	key   int    // the key's length
	check int    // -1: none, it opens a gate
	gate  int
}

// check is what is asked where a literal was found.
type check struct {
	gate   int
	sure   bool           // the literal says it all
	whole  *regexp.Regexp // over the whole text
	at     *regexp.Regexp // from the literal on, nil: whole is asked once
	behind *regexp.Regexp // the same with one byte before it
	exact  []byte         // of contains
}

// most is how often an expression is asked from literals on; then it is asked once over the whole, which takes linear time.
const most = 32

// New makes a screen of rules and of the phrases of the gates 1 and up.
func New(rules []Rule, gates [][]string) (*Screen, error) {
	s := &Screen{gates: len(gates)}
	var squeezed []string
	for i, phrases := range gates {
		for _, p := range phrases {
			s.add(strings.ToLower(p), -1, i+1)
		}
	}
	for _, r := range rules {
		switch {
		case r.Expression != "":
			if err := s.expression(r); err != nil {
				return nil, err
			}
		case r.Squeezed:
			squeezed = append(squeezed, r.Text)
		case r.Text != "":
			s.checks = append(s.checks, check{gate: r.Gate, exact: []byte(r.Text)})
			s.add(lowerASCII(r.Text), len(s.checks)-1, 0)
		default:
			s.checks = append(s.checks, check{gate: r.Gate, sure: true})
			for _, p := range r.Phrases {
				s.add(strings.ToLower(p), len(s.checks)-1, 0)
			}
		}
	}
	keys := make([]string, len(s.literals))
	for i, l := range s.literals {
		keys[i] = l.text[:l.key]
	}
	s.find = build(keys)
	if len(squeezed) > 0 {
		s.squeezed = build(squeezed)
	}
	return s, nil
}

func lowerASCII(s string) string { return strings.Map(lower, s) }

func (s *Screen) add(text string, check, gate int) {
	s.literals = append(s.literals, literal{text, min(len(text), keyLength), check, gate})
}

func (s *Screen) expression(r Rule) error {
	const flags = "(?sm)"
	parsed, err := syntax.Parse(flags+r.Expression, syntax.Perl)
	if err != nil {
		return fmt.Errorf("the expression %q: %w", r.Expression, err)
	}
	for _, b := range branches(parsed.Simplify()) {
		text := b.String()
		c := check{gate: r.Gate}
		if c.whole, err = regexp.Compile(text); err != nil {
			return fmt.Errorf("a part of the expression %q: %w", r.Expression, err)
		}
		set, _ := literals(b)
		if far(b) || shortest(set) < 2 {
			set = within(b)
		} else {
			c.at, c.behind = regexp.MustCompile(`\A(?:`+text+`)`), regexp.MustCompile(`\A(?s:.)(?:`+text+`)`)
		}
		s.checks = append(s.checks, c)
		id := len(s.checks) - 1
		if shortest(set) < 2 {
			s.always = append(s.always, id)
			continue
		}
		slices.Sort(set)
		for _, l := range slices.Compact(set) {
			s.add(l, id, 0)
		}
	}
	return nil
}

var folds = [][]byte{[]byte(string(kelvin)), []byte(string(longS))}

// Suspicious tells whether a rule might match the text.
func (s *Screen) Suspicious(text []byte) bool {
	if len(text) == 0 {
		return len(s.always) > 0 // rules that match nothing at all have no literal
	}
	for _, f := range folds {
		if bytes.Contains(text, f) {
			return true
		}
	}
	if s.squeezed != nil && s.squeezed.within(text) {
		return true
	}
	var asked []uint8 // by check, once one was
	var open []bool   // gates
	var hits []hit    // behind a gate that was not open yet
	a := s.find
	state, width := uint32(0), a.width
	for i, c := range text {
		if state = a.next[int(state)*width+int(a.classes[c])]; state&found == 0 {
			continue
		}
		state &^= found
		for _, id := range a.out[state] {
			l := &s.literals[id]
			at := i + 1 - l.key
			if len(l.text) > l.key && !foldedPrefix(text[at:], l.text) {
				continue
			}
			if l.check < 0 {
				if open == nil {
					open = make([]bool, s.gates+1)
				}
				open[l.gate] = true
				continue
			}
			if asked == nil {
				asked = make([]uint8, len(s.checks))
			}
			if asked[l.check] > most {
				continue
			}
			asked[l.check]++
			k := &s.checks[l.check]
			if k.gate > 0 {
				hits = append(hits, hit{l.check, at, asked[l.check]})
			} else if k.ask(text, at, asked[l.check]) {
				return true
			}
			if k.at == nil {
				asked[l.check] = most + 1 // once is enough: it is the whole that is asked
			}
		}
	}
	for _, h := range hits {
		if k := &s.checks[h.check]; open != nil && open[k.gate] && k.ask(text, h.at, h.times) {
			return true
		}
	}
	for _, id := range s.always {
		if k := &s.checks[id]; (k.gate == 0 || open != nil && open[k.gate]) && k.whole.Match(text) {
			return true
		}
	}
	return false
}

type hit struct {
	check, at int
	times     uint8
}

// ask looks at the text where a literal was found.
func (c *check) ask(text []byte, at int, times uint8) bool {
	switch {
	case c.sure:
		return true
	case c.exact != nil:
		return bytes.Contains(text, c.exact)
	case c.at == nil, times > most:
		return c.whole.Match(text)
	case at == 0:
		return c.at.Match(text)
	}
	return c.behind.Match(text[at-1:])
}

// foldedPrefix tells whether b begins with the text, which is in lower case.
func foldedPrefix(b []byte, text string) bool {
	if len(b) < len(text) {
		return false
	}
	for i := range len(text) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return false
		}
	}
	return true
}
