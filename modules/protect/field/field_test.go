package field

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"testing/quick"
)

// keys is a set of one key, for all fields. The version is what stands before it, as keyset has it.
type keys struct{ id, name, key string }

func (k keys) ID() string   { return k.id }
func (k keys) Name() string { return k.name }

func (k keys) aead() cipher.AEAD {
	b, err := aes.NewCipher([]byte(k.key))
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		panic(err)
	}
	return a
}

func (k keys) Seal(dst []byte, _ string, plain, aad []byte) ([]byte, error) {
	return k.aead().Seal(append(dst, 0, 0, 0, 1), nil, plain, aad), nil
}

func (k keys) Open(dst []byte, _ string, sealed, aad []byte) ([]byte, bool, error) {
	if len(sealed) < 4 || string(sealed[:4]) != "\x00\x00\x00\x01" {
		return nil, false, errors.New("no version of the key")
	}
	out, err := k.aead().Open(dst, nil, sealed[4:], aad)
	return out, false, err
}

var general = keys{"abcdefghijklmnop", "room/general", "0123456789abcdef"}

// A value comes back as it was, at its own place; with another in any of its parts, though the key is the same, it does not.
func TestATokenIsOfItsPlace(t *testing.T) {
	at := Place{Keys: general, Record: "message/1", Field: "text"}
	token, err := at.Seal([]byte(`{"a":1}`))
	if err != nil || !IsToken(token) || !strings.HasPrefix(token, "enc:v1:abcdefghijklmnop:") {
		t.Fatal(token, err)
	}
	if got, stale, err := at.Open(token); err != nil || stale || string(got) != `{"a":1}` {
		t.Fatal(string(got), stale, err)
	}
	if again, _ := at.Seal([]byte(`{"a":1}`)); again == token {
		t.Error("the same value gives the same token")
	}
	other := general
	other.name = "room/other"
	elsewhere := keys{"ponmlkjihgfedcba", general.name, general.key}
	for name, p := range map[string]Place{
		"record":                       {Keys: general, Record: "message/2", Field: "text"},
		"type of the record":           {Keys: general, Record: "note/1", Field: "text"},
		"field":                        {Keys: general, Record: "message/1", Field: "mood"},
		"tenant":                       {Keys: other, Record: "message/1", Field: "text"},
		"set":                          {Keys: elsewhere, Record: "message/1", Field: "text"},
		"the parts otherwise together": {Keys: general, Record: "message/1t", Field: "ext"},
	} {
		if got, _, err := p.Open(token); err == nil || got != nil {
			t.Errorf("another %s: %s", name, got)
		}
	}
}

// One value has no two spellings: nothing that is not exactly what Seal made opens.
func TestOpenIsNarrow(t *testing.T) {
	p := Place{Keys: general, Record: "r/1", Field: "f"}
	token, err := p.Seal([]byte(`"x"`))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "enc:v1:", "enc:v1::", "enc:v1:abcdefghijklmnop", token[1:], " " + token, token + " ", token + "=", token + "A", token[:len(token)-1], strings.ToUpper(token),
		strings.Replace(token, "v1", "v2", 1), strings.Replace(token, "abc", "ABC", 1), token[:40] + "\n" + token[40:], strings.Replace(token, "enc:v1:", "enc:v1:x:", 1),
	} {
		if got, _, err := p.Open(bad); err == nil {
			t.Errorf("%q opens: %s", bad, got)
		}
	}
	for i := len(Prefix); i < len(token); i++ {
		b := []byte(token)
		if b[i]++; b[i] > 'z' {
			b[i] = 'A'
		}
		if got, _, err := p.Open(string(b)); err == nil {
			t.Errorf("with another byte at %d it opens: %s", i, got)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	var s Scratch
	f := func(value []byte, record, field string) bool {
		p := Place{Keys: general, Record: record, Field: field, Scratch: &s}
		token, err := p.Seal(value)
		if err != nil {
			return false
		}
		got, _, err := p.AppendOpen([]byte("before"), token)
		return err == nil && bytes.Equal(got, append([]byte("before"), value...))
	}
	if err := quick.Check(f, nil); err != nil {
		t.Error(err)
	}
}

// The guard is wide: whatever a server might make a token of.
func TestIsToken(t *testing.T) {
	plain := map[string]bool{}
	for r := rune(0x80); r <= unicode.MaxRune; r++ { // every letter that normalization makes one of a token
		switch c := strings.ToLower(norm.NFKC.String(string(r))); c {
		case "e", "n", "c", ":", "v":
			plain[strings.Replace("enc:v1:", c, string(r), 1)] = true
		case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9":
			plain["enc:v"+string(r)+":"] = true
		}
	}
	for s := range plain {
		if !IsToken(s) {
			t.Errorf("%q is no token", s)
		}
	}
	for s, want := range map[string]bool{
		"enc:v1:abc:AAAA": true, "ENC:V1:": true, "eNc:v0012:": true, "see enc:v1:x": true, "eenc:v1:": true, "enc:v1enc:v1:": true, "e\u200bnc\u00ad:v1:": true, "enc\x00:v1:": true,
		"\uff45\uff4e\uff43\uff1a\uff56\uff11\uff1a": true, "\U0001d41e\U0001d427\U0001d41c:v1:": true, "e\u0301nc:v1:": true, "\u24d4\u24dd\u24d2:v\u2460:": true,
		"": false, "enc": false, "enc:v": false, "enc:v:": false, "enc:vx:": false, "enc v1:": false, "enc:v1": false, "en\nc:v1:": false, "encrypted: v1:": false, "\u00e9nc:v1:": false,
	} {
		if got := IsToken(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
		var g Guard
		found := false
		for i := range len(s) {
			found = g.Write([]byte(s[i : i+1]))
		}
		if found != want {
			t.Errorf("%q byte by byte: %v", s, found)
		}
		g = Guard{}
		if got := g.Write([]byte(strings.Repeat("x", 50) + s + strings.Repeat("y", 50))); got != want {
			t.Errorf("%q in a long text: %v", s, got)
		}
	}
}

// FuzzGuard: what a reader decodes to a token, the guard has seen, however the text comes; what Open takes, too.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"enc:v1:a:b", `\u0065nc:v1:a`, `\ud835\udc86nc:v1:`, "%65nc%3av1%3A", "a\\", "%", "%6", `\u00`, "e", "é", "\xff", "x:vy"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, cut uint8) {
		at := min(int(cut), len(s))
		for _, e := range []Escapes{Plain, JSON, Percent} {
			whole, parts := Guard{Escapes: e}, Guard{Escapes: e}
			want := whole.String(s)
			parts.Write([]byte(s[:at]))
			if got := parts.Write([]byte(s[at:])); got != want {
				t.Errorf("%q cut at %d, escapes %d: %v, whole %v", s, at, e, got, want)
			}
		}
		if strings.Contains(strings.ToLower(s), "enc:v1:") && !IsToken(s) {
			t.Errorf("%q holds a token", s)
		}
		var decoded string
		g := Guard{Escapes: JSON}
		if err := json.Unmarshal([]byte(`"`+s+`"`), &decoded); err == nil && IsToken(decoded) && !g.String(s) {
			t.Errorf("%q is %q", s, decoded)
		}
		if id, err := SetOf(s); err == nil && (!IsToken(s) || id == "") {
			t.Errorf("%q is a token to Open alone", s)
		}
		p := Place{Keys: general}
		if _, _, err := p.Open("enc:v1:abcdefghijklmnop:" + base64.RawURLEncoding.EncodeToString([]byte(s))); err == nil {
			t.Errorf("%q opens", s)
		}
	})
}
