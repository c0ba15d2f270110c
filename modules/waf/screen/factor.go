package screen

import (
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// A clause is a set of literals, in lower case, of which a value that an expression matches holds at least one.
type clause []string

const (
	mostLiterals = 64  // of a clause that grows by combining parts
	mostUnited   = 256 // of a clause that unites alternatives
	longestExact = 24  // bytes of a literal that grows by combining parts
	mostClauses  = 4   // kept of an expression, the rarest ones
	mostRunes    = 16  // of a character class that is spelled out
)

// factors returns clauses that every match of the expression satisfies. None: anything might match. It follows from the expression's
// structure alone, so a wrong guess about what is rare costs time, never a match. Values are compared in ASCII lower case; odd tells
// which values that is not enough for. Where binary is set the expression speaks of bytes above 127, not of runes.
//
// The idea is that of RE2's and code search's prefilters (R. Cox, "Regular Expression Matching with a Trigram Index", 2012).
func factors(expr string, binary bool) ([]clause, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	f := factoring{binary: binary}.of(re.Simplify())
	all := f.clauses
	if f.exact != nil {
		all = []clause{f.exact}
	}
	return best(all), nil
}

// found is what is known of a part: either all texts it can match, or clauses.
type found struct {
	exact   []string // nil: not known
	clauses []clause
}

// factoring with binary set knows that runes from 128 to 255 may stand for bytes.
type factoring struct{ binary bool }

func (f factoring) of(re *syntax.Regexp) found {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return found{exact: []string{""}}
	case syntax.OpLiteral:
		return f.literal(re.Rune, re.Flags&syntax.FoldCase != 0)
	case syntax.OpCharClass:
		return f.class(re.Rune)
	case syntax.OpCapture:
		return f.of(re.Sub[0])
	case syntax.OpConcat:
		return f.concat(re.Sub)
	case syntax.OpAlternate:
		return f.alternate(re.Sub)
	case syntax.OpQuest:
		if s := f.of(re.Sub[0]); s.exact != nil && len(s.exact) < mostLiterals {
			return found{exact: union(s.exact, []string{""})}
		}
	case syntax.OpPlus:
		return found{clauses: f.of(re.Sub[0]).all()}
	case syntax.OpRepeat:
		if re.Min > 0 {
			return found{clauses: f.of(re.Sub[0]).all()}
		}
	}
	return found{} // OpStar, OpAnyChar, OpAnyCharNotNL, OpNoMatch
}

// all makes clauses of what was found.
func (s found) all() []clause {
	if s.exact == nil {
		return s.clauses
	}
	if slices.Contains(s.exact, "") {
		return nil
	}
	return []clause{s.exact}
}

func (f factoring) literal(runes []rune, fold bool) found {
	var b strings.Builder
	for _, r := range runes {
		switch {
		case r >= utf8.RuneSelf && fold || r == utf8.RuneError: // which bytes that are no UTF-8 match too
			return found{}
		case r >= utf8.RuneSelf && f.binary:
			if r > 255 || len(runes) > 1 {
				return found{}
			}
			return found{exact: []string{string([]byte{byte(r)}), string(r)}} // whichever way it is meant
		}
		b.WriteRune(lowerRune(r))
	}
	return found{exact: []string{b.String()}}
}

func (f factoring) class(ranges []rune) found {
	var out []string
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i+1] >= utf8.RuneSelf || int(ranges[i+1]-ranges[i]) > 2*mostRunes {
			if !foldsOnly(ranges[i], ranges[i+1]) {
				return found{}
			}
			continue
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			out = append(out, string(lowerRune(r)))
		}
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) == 0 || len(out) > mostRunes {
		return found{}
	}
	return found{exact: out}
}

// foldsOnly: the two runes beyond ASCII that fold to ASCII letters, which odd looks for.
func foldsOnly(from, to rune) bool { return from == to && (from == longS || from == kelvin) }

func (f factoring) concat(subs []*syntax.Regexp) found {
	var clauses []clause
	run, whole := []string{""}, true
	flush := func() {
		if !slices.Contains(run, "") {
			clauses = append(clauses, run)
		}
		run = []string{""}
	}
	for _, sub := range subs {
		s := f.of(sub)
		switch {
		case s.exact == nil:
			flush()
			clauses, whole = append(clauses, s.clauses...), false
		case len(run)*len(s.exact) > mostLiterals || longest(run)+longest(s.exact) > longestExact:
			flush()
			run, whole = s.exact, false
		default:
			run = product(run, s.exact)
		}
	}
	if whole {
		return found{exact: run}
	}
	flush()
	return found{clauses: clauses}
}

func (f factoring) alternate(subs []*syntax.Regexp) found {
	exact, united, ok := []string{}, clause{}, true
	for _, sub := range subs {
		s := f.of(sub)
		if s.exact == nil {
			exact = nil
		}
		if exact != nil {
			if exact = union(exact, s.exact); len(exact) > mostLiterals {
				exact = nil
			}
		}
		b := best(s.all())
		if len(b) == 0 {
			ok = false
		} else if ok {
			if united = union(united, b[0]); len(united) > mostUnited {
				ok = false
			}
		}
	}
	switch {
	case exact != nil:
		return found{exact: exact}
	case ok:
		return found{clauses: []clause{united}}
	}
	return found{}
}

// best keeps the clauses that are satisfied most rarely, the rarest first.
func best(all []clause) []clause {
	out := slices.DeleteFunc(slices.Clone(all), func(c clause) bool { return len(c) == 0 || slices.Contains(c, "") })
	slices.SortStableFunc(out, func(a, b clause) int {
		switch x, y := a.rarity(), b.rarity(); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return out[:min(len(out), mostClauses)]
}

// rarity estimates how seldom text holds one of the literals, in bits.
func (c clause) rarity() float64 {
	p := 0.0
	for _, lit := range c {
		bits := 0.0
		for i := range len(lit) {
			bits += surprise(lit[i])
		}
		p += math.Exp2(-bits)
	}
	return -math.Log2(p)
}

// surprise estimates how seldom a byte is in text, in bits. In a wrong estimate lies nothing but time.
func surprise(b byte) float64 {
	switch {
	case strings.IndexByte(" etaonisr", b) >= 0:
		return 3
	case b >= 'a' && b <= 'z', strings.IndexByte(".,'", b) >= 0:
		return 4.5
	case b >= '0' && b <= '9', strings.IndexByte("-!?:\"/()\n", b) >= 0:
		return 6
	}
	return 8
}

func union(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

func product(a, b []string) []string {
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func longest(list []string) (n int) {
	for _, s := range list {
		n = max(n, len(s))
	}
	return n
}

const (
	longS  = '\u017f' // folds to s
	kelvin = '\u212a' // folds to k
)

func lowerRune(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + ('a' - 'A')
	}
	return r
}

// odd tells whether a value holds a rune beyond ASCII that an expression which ignores case takes for an ASCII letter. ASCII lower case hides such letters
// from clauses, so every rule is asked about these values.
func odd(s string) bool {
	return strings.Contains(s, string(rune(longS))) || strings.Contains(s, string(rune(kelvin)))
}
