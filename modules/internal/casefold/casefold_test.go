package casefold

import (
	"strings"
	"testing"
)

// Two texts get one name exactly where strings.EqualFold takes them for one.
func FuzzName(f *testing.F) {
	for _, s := range [][2]string{{"Admin", "aDMIN"}, {"ſ", "S"}, {"K", "k"}, {"straße", "STRASSE"}, {"ı", "I"}, {"a", "b"}, {"\xff", "�"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		if got := Name(a) == Name(b); got != strings.EqualFold(a, b) {
			t.Errorf("%q and %q: %v", a, b, got)
		}
	})
}
