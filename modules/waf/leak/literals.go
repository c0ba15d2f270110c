package leak

import (
	"regexp/syntax"
	"strings"
	"unicode"
)

// mostLiterals bounds the literals of one expression.
const mostLiterals = 512

// literals are texts, in lower case, one of which every match of the expression begins with. exact: nothing is between a text's end and the
// place where the next part of the expression begins.
func literals(re *syntax.Regexp) (set []string, exact bool) {
	none := []string{""}
	switch re.Op {
	case syntax.OpLiteral:
		b := new(strings.Builder)
		for _, r := range re.Rune {
			if r > unicode.MaxASCII && re.Flags&syntax.FoldCase != 0 {
				return []string{b.String()}, false
			}
			b.WriteRune(lower(r))
		}
		return []string{b.String()}, true
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpCapture:
		return literals(re.Sub[0])
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return none, true
	case syntax.OpConcat:
		set = none
		for i, sub := range re.Sub {
			if more := repeated(re, i); more != nil && len(set)*len(more) <= mostLiterals {
				return cross(set, more), false
			}
			more, all := literals(sub)
			if len(set)*len(more) > mostLiterals {
				return set, false
			}
			set = cross(set, more)
			if !all {
				return set, false
			}
		}
		return set, true
	case syntax.OpAlternate:
		exact = true
		for _, sub := range re.Sub {
			more, all := literals(sub)
			set = append(set, more...)
			exact = exact && all
		}
		if len(set) > mostLiterals {
			return none, false
		}
		return set, exact
	case syntax.OpQuest:
		more, all := literals(re.Sub[0])
		return append(more, ""), all
	case syntax.OpPlus:
		set, _ = literals(re.Sub[0])
		return set, false
	}
	return none, false // any character, or none: it begins with whatever follows
}

// repeated is what the parts from i on begin with, where the first of them is one or more of a few: one, and then another or what follows.
func repeated(re *syntax.Regexp, i int) []string {
	if re.Sub[i].Op != syntax.OpPlus || i+1 == len(re.Sub) {
		return nil
	}
	one, exact := literals(re.Sub[i].Sub[0])
	if !exact || len(one) > 8 || shortest(one) == 0 {
		return nil
	}
	rest := &syntax.Regexp{Op: syntax.OpConcat, Flags: re.Flags, Sub: re.Sub[i+1:]}
	next, _ := literals(rest)
	return cross(one, append(next, one...))
}

// class lists a small class of ASCII characters. Beyond ASCII only what folds to ASCII is left out: Screen takes texts with these for suspicious.
func class(ranges []rune) (set []string, exact bool) {
	seen := map[rune]bool{}
	for i := 0; i < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		if lo == hi && (lo == kelvin || lo == longS) {
			continue
		}
		if hi > unicode.MaxASCII || hi-lo > 32 {
			return []string{""}, false
		}
		for r := lo; r <= hi; r++ {
			if l := lower(r); !seen[l] {
				seen[l] = true
				set = append(set, string(l))
			}
		}
	}
	if len(set) > 32 {
		return []string{""}, false
	}
	return set, true
}

// The two characters beyond ASCII that expressions without case take for k and s.
const (
	kelvin = '\u212a'
	longS  = '\u017f'
)

func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func cross(a, b []string) []string {
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

func shortest(set []string) int {
	n := len(set[0])
	for _, s := range set {
		n = min(n, len(s))
	}
	return n
}

// within are texts one of which every match holds, anywhere: the best that is found.
func within(re *syntax.Regexp) []string {
	best, _ := literals(re)
	better := func(set []string) {
		if len(set) > 0 && shortest(set) > shortest(best) {
			best = set
		}
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		better(within(re.Sub[0]))
	case syntax.OpConcat:
		for i, sub := range re.Sub {
			rest := *re
			rest.Sub = re.Sub[i:]
			set, _ := literals(&rest)
			better(set)
			better(within(sub))
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			all = append(all, within(sub)...)
		}
		if len(all) <= mostLiterals {
			better(all)
		}
	}
	return best
}

// far tells whether a match may go on over any text.
func far(re *syntax.Regexp) bool {
	if re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0 {
		switch sub := re.Sub[0]; sub.Op {
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			return true
		case syntax.OpCharClass:
			n := rune(0)
			for i := 0; i < len(sub.Rune); i += 2 {
				n += sub.Rune[i+1] - sub.Rune[i] + 1
			}
			return n > 128
		}
	}
	for _, sub := range re.Sub {
		if far(sub) {
			return true
		}
	}
	return false
}

// branches takes the alternatives of an expression apart, so that each has literals of its own.
func branches(re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpCapture:
		return branches(re.Sub[0])
	case syntax.OpAlternate:
		var all []*syntax.Regexp
		for _, sub := range re.Sub {
			all = append(all, branches(sub)...)
		}
		return all
	case syntax.OpConcat:
		// A common beginning that was factored out: S(?:yntax|QL).
		for i, sub := range re.Sub {
			if parts := branches(sub); len(parts) > 1 && len(parts) <= 64 {
				var all []*syntax.Regexp
				for _, p := range parts {
					one := &syntax.Regexp{Op: syntax.OpConcat, Flags: re.Flags}
					one.Sub = append(append(append(one.Sub, re.Sub[:i]...), p), re.Sub[i+1:]...)
					all = append(all, one)
				}
				return all
			}
		}
	}
	return []*syntax.Regexp{re}
}
