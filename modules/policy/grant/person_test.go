package grant

import (
	"strings"
	"testing"
)

func TestIsPerson(t *testing.T) {
	for _, s := range []string{"ada", "a.b_c-d", "1", strings.Repeat("a", 64), "ada@corp", "%41da@corp", "a%7Cb@idp.example.com", "billing@certificate", "%C3%A9@x"} {
		if !IsPerson(s) {
			t.Errorf("%q is nobody", s)
		}
	}
	for _, s := range []string{
		"", "Ada", "*", "room:x", "a/b", "a b", strings.Repeat("a", 65), "@corp", "ada@", "ada@Corp", "ada@corp@x", "ada@co:rp", "ad%61@corp", "%4@corp", "%@corp", "%4g@corp", "%c3@corp",
		"Ada@corp", "a*@corp", "a:b@corp", "%41da", "ada@*", strings.Repeat("a", 260) + "@corp", "%+1@corp",
	} {
		if IsPerson(s) {
			t.Errorf("%q is somebody", s)
		}
	}
}
