package screen

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// Whatever an expression that ignores case takes for an ASCII letter is in ASCII, or odd.
func TestOdd(t *testing.T) {
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if f < utf8.RuneSelf && !odd("x"+string(r)) {
				t.Errorf("%U folds to %q and is not odd", r, f)
			}
		}
	}
	if odd("Ks\u00e9\u00df") {
		t.Error("ordinary letters are odd")
	}
}
