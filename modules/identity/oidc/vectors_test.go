package oidc

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// What Wycheproof calls invalid is refused. So are some that it calls valid: those with a shared secret, and those whose key names another
// algorithm than the token.
func TestWycheproofSignatures(t *testing.T) {
	for _, file := range []string{"json_web_signature_test.json", "json_web_key_test.json"} {
		raw, err := fs.ReadFile(wycheproof.TestVectors, file)
		if err != nil {
			t.Fatal(err)
		}
		var all struct {
			TestGroups []struct {
				Comment         string
				Public, Private json.RawMessage
				Tests           []struct {
					TcID    int
					Comment string
					JWS     json.RawMessage
					Result  string
					Flags   []string
				}
			}
		}
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatal(err)
		}
		var algs []string
		for name := range algorithms {
			algs = append(algs, name)
		}
		taken, refused := 0, 0
		for _, g := range all.TestGroups {
			set := g.Public
			if set == nil {
				set = g.Private
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(set, &members); err != nil {
				t.Fatal(err)
			}
			if members["keys"] == nil {
				set = json.RawMessage(`{"keys":[` + string(set) + `]}`)
			}
			keys, err := parseKeys(set)
			for _, one := range g.Tests {
				var text string
				compact := json.Unmarshal(one.JWS, &text) == nil // else the JSON form, which is not read
				ok := err == nil && compact && believes(keys, text, algs)
				what := fmt.Sprintf("%s %d %s/%s (%s %v)", file, one.TcID, g.Comment, one.Comment, one.Result, one.Flags)
				switch {
				case ok && one.Result != "valid":
					t.Errorf("believed: %s", what)
				case !ok && one.Result == "valid":
					refused++
					if !shared(text) && !otherAlgorithm(set, text) {
						t.Errorf("refused: %s", what)
					}
				case ok:
					taken++
				}
			}
		}
		t.Logf("%s: %d of the valid ones are taken, %d refused", file, taken, refused)
	}
}

// believes checks a signature as Verify does, without claims.
func believes(keys []*Key, raw string, algs []string) bool {
	t, ok := split(raw, algs)
	if !ok {
		return false
	}
	for _, k := range candidates(keys, t.header) {
		if algorithms[t.header.Algorithm].verify(k.public, t.signed, t.sig) {
			return true
		}
	}
	return false
}

func algOf(raw string) string {
	head, _, _ := strings.Cut(raw, ".")
	var h struct{ Alg string }
	if b, err := b64.DecodeString(head); err != nil || json.Unmarshal(b, &h) != nil {
		return ""
	}
	return h.Alg
}

func shared(raw string) bool { return strings.HasPrefix(algOf(raw), "HS") }

func otherAlgorithm(set json.RawMessage, raw string) bool {
	var keys struct{ Keys []struct{ Alg string } }
	return json.Unmarshal(set, &keys) == nil && len(keys.Keys) == 1 && keys.Keys[0].Alg != "" && keys.Keys[0].Alg != algOf(raw)
}
