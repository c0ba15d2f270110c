package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
)

// vector is one signed token with the keys it is to be verified with.
type vector struct {
	Name  string            // file, number and comment
	Keys  []json.RawMessage // JWKs: public ones, or secrets where the vector has those alone
	Token string            // compact JWS, often malformed
	Valid bool              // by the vector's own reckoning, whatever algorithms a verifier knows
}

type file struct {
	TestGroups []struct {
		Comment string
		Public  json.RawMessage
		Private json.RawMessage
		Tests   []struct {
			ID      int `json:"tcId"`
			Comment string
			JWS     json.RawMessage
			Result  string
		}
	}
}

// vectors returns all vectors about signatures and their keys.
func vectors() ([]vector, error) {
	var all []vector
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		raw, err := fs.ReadFile(wycheproof.TestVectors, name)
		if err != nil {
			return nil, err
		}
		var f file
		if err := json.Unmarshal(raw, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, g := range f.TestGroups {
			keys, err := keysOf(g.Public, g.Private)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, g.Comment, err)
			}
			for _, t := range g.Tests {
				token := string(t.JWS)
				if t.JWS == nil { // an encryption's vector
					continue
				}
				var s string
				if json.Unmarshal(t.JWS, &s) == nil {
					token = s
				}
				short := strings.TrimSuffix(name, "_test.json")
				all = append(all, vector{fmt.Sprintf("%s %d %s/%s", short, t.ID, g.Comment, t.Comment), keys, token, t.Result == "valid"})
			}
		}
	}
	if len(all) < 450 {
		return nil, errors.New("wycheproof: most vectors are missing")
	}
	return all, nil
}

func keysOf(public, private json.RawMessage) ([]json.RawMessage, error) {
	raw := public
	if raw == nil {
		raw = private
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, err
	}
	if set.Keys != nil {
		return set.Keys, nil
	}
	return []json.RawMessage{raw}, nil
}

// vectorKeys are a vector's P-256 keys.
type vectorKeys map[string]*ecdsa.PublicKey

func (v vectorKeys) Signer() (string, *ecdsa.PrivateKey) { return "", nil }
func (v vectorKeys) Public(kid string) (*ecdsa.PublicKey, bool) {
	k, ok := v[kid]
	return k, ok
}

func readVectorKeys(v vector) vectorKeys {
	keys := vectorKeys{}
	for _, raw := range v.Keys {
		var k struct{ KID, Crv, X, Y string }
		if json.Unmarshal(raw, &k) != nil || k.Crv != "P-256" {
			continue
		}
		x, errX := b64.DecodeString(k.X)
		y, errY := b64.DecodeString(k.Y)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if errX == nil && errY == nil && err == nil {
			keys[k.KID] = public
		}
	}
	return keys
}

// None of the vectors is a token of ours, not even those that are rightly signed; and the signatures alone get each vector's own verdict.
func TestWycheproof(t *testing.T) {
	all, err := vectors()
	if err != nil {
		t.Fatal(err)
	}
	signatures := 0
	for _, v := range all {
		keys := readVectorKeys(v)
		s := newIssuer(t)
		s.Keys = keys
		if _, err := s.Parse(v.Token); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", v.Name, err)
		}
		parts := strings.Split(v.Token, ".")
		head, err := b64.DecodeString(parts[0])
		// What is wrong with the key, or with the form of the whole, is not the signature's matter.
		if len(keys) != 1 || err != nil || !strings.HasPrefix(string(head), `{"alg":"ES256"`) || len(parts) != 3 || !alphabet(v.Token) || strings.HasPrefix(v.Name, "json_web_key") || strings.Contains(v.Name, "reject") && strings.Contains(v.Name, "encryption") {
			continue
		}
		signatures++
		for _, key := range keys {
			if got := verify(key, parts[0]+"."+parts[1], parts[2]); got != v.Valid {
				t.Errorf("%s: %v", v.Name, got)
			}
		}
	}
	if signatures < 30 {
		t.Errorf("only %d signatures", signatures)
	}
	t.Logf("%d vectors, %d of them with signatures of our kind", len(all), signatures)
}
