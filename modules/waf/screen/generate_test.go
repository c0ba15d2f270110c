package screen

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"unicode"
)

// generate makes a text that the expression probably matches, following its structure.
func generate(expr string, rng *rand.Rand) string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return expr
	}
	var b strings.Builder
	emit(&b, re.Simplify(), rng, 0)
	return b.String()
}

func emit(b *strings.Builder, re *syntax.Regexp, rng *rand.Rand, depth int) {
	times := func(n int) {
		for range n {
			emit(b, re.Sub[0], rng, depth+1)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && rng.IntN(3) == 0 {
				r = fold(r, rng)
			}
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			k := rng.IntN(len(re.Rune)/2) * 2
			span := min(int(re.Rune[k+1]-re.Rune[k])+1, 400)
			b.WriteRune(re.Rune[k] + rune(rng.IntN(span)))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte("aZ0 '\"<\\;("[rng.IntN(10)])
	case syntax.OpStar:
		times(rng.IntN(3))
	case syntax.OpPlus:
		times(1 + rng.IntN(2))
	case syntax.OpQuest:
		times(rng.IntN(2))
	case syntax.OpCapture:
		times(1)
	case syntax.OpConcat:
		for _, s := range re.Sub {
			emit(b, s, rng, depth+1)
		}
	case syntax.OpAlternate:
		emit(b, re.Sub[rng.IntN(len(re.Sub))], rng, depth+1)
	}
}

func fold(r rune, rng *rand.Rand) rune {
	for range rng.IntN(3) {
		r = unicode.SimpleFold(r)
	}
	return r
}
