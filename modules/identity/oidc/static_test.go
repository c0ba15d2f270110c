package oidc

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// The same vectors against keys that somebody registers: no invalid one is believed, and the valid ones that are refused are those with shared secrets, with payloads
// that are no claims, and with keys that name another algorithm than the token.
func TestWycheproofRegisteredKeys(t *testing.T) {
	verified := 0
	for _, file := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		raw, err := fs.ReadFile(wycheproof.TestVectors, file)
		if err != nil {
			t.Fatal(err)
		}
		var all struct {
			TestGroups []struct {
				Comment         string
				Public, Private json.RawMessage
				Tests           []struct {
					TcID            int
					Comment, Result string
					JWS             json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatal(err)
		}
		for _, g := range all.TestGroups {
			set := g.Public
			if set == nil {
				set = g.Private
			}
			var keys []*Key
			for _, one := range keysIn(t, set) {
				if k, err := ParseKey(one); err == nil {
					keys = append(keys, k)
				}
			}
			for _, one := range g.Tests {
				var text string
				if json.Unmarshal(one.JWS, &text) != nil {
					continue
				}
				signed := false
				if tok, ok := split(text, algorithmsOf(keys)); ok {
					for _, k := range candidates(keys, tok.header) {
						signed = signed || algorithms[tok.header.Algorithm].verify(k.public, tok.signed, tok.sig)
					}
				}
				_, err := VerifyWith(text, keys)
				what := fmt.Sprintf("%s %d %s/%s", file, one.TcID, g.Comment, one.Comment)
				if (signed || err == nil) && one.Result != "valid" {
					t.Errorf("believed: %s", what)
				}
				if one.Result == "valid" && !signed && !shared(text) && !otherAlgorithm(json.RawMessage(`{"keys":[`+string(set)+`]}`), text) {
					t.Errorf("refused: %s", what)
				}
				if signed {
					verified++
				}
			}
		}
	}
	if verified < 20 {
		t.Errorf("only %d were verified", verified)
	}
}

func algorithmsOf(keys []*Key) (algs []string) {
	for _, k := range keys {
		algs = append(algs, k.algorithm)
	}
	return algs
}

// keysIn are the keys of a set, or the one that it is.
func keysIn(t *testing.T, raw json.RawMessage) []json.RawMessage {
	t.Helper()
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	if set.Keys != nil {
		return set.Keys
	}
	return []json.RawMessage{raw}
}

func TestParseKeyRefuses(t *testing.T) {
	const point = `"kty":"EC","crv":"P-256","x":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY","y":"UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw"`
	if k, err := ParseKey([]byte(`{` + point + `}`)); err != nil || k.Algorithm() != "ES256" {
		t.Fatal(k, err)
	}
	for name, raw := range map[string]string{
		"private": `{` + point + `,"d":"c2VjcmV0c2VjcmV0"}`, "with an empty secret": `{` + point + `,"d":""}`, "symmetric": `{"kty":"oct","k":"c2VjcmV0c2VjcmV0","alg":"HS256"}`,
		"another algorithm": `{` + point + `,"alg":"RS256"}`, "none": `{` + point + `,"alg":"none"}`, "HS256": `{` + point + `,"alg":"HS256"}`, "for encryption": `{` + point + `,"use":"enc"}`,
		"member twice": `{` + point + `,"kty":"EC"}`, "a set": `{"keys":[{` + point + `}]}`, "huge": `{` + point + `,"x5c":["` + strings.Repeat("A", 20<<10) + `"]}`, "nothing": ``, "null": `null`, "a list": `[]`,
	} {
		if k, err := ParseKey([]byte(raw)); err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %+v %v", name, k, err)
		}
	}
}
