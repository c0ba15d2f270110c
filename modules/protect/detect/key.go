package detect

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
)

// shape of a key: what it begins with, and what follows.
type shape struct {
	prefix       string
	fewest, most int                      // characters that follow
	hyphens      bool                     // - and _ may be among them
	upper        bool                     // they are capitals and digits
	dots         int                      // parts that dots end, before the last
	valid        func(secret []byte) bool // nil: the shape is all
}

// shapes of keys as their issuers write them.
var shapes = []shape{
	{prefix: "AKIA", fewest: 16, most: 16, upper: true}, // Amazon Web Services
	{prefix: "ASIA", fewest: 16, most: 16, upper: true},
	{prefix: "AIza", fewest: 35, most: 35, hyphens: true}, // Google
	{prefix: "GOCSPX-", fewest: 28, most: 28, hyphens: true},
	{prefix: "ya29.", fewest: 20, most: 2048, hyphens: true},
	{prefix: "ghp_", fewest: 36, most: 36, valid: checkedCRC}, // GitHub
	{prefix: "gho_", fewest: 36, most: 36, valid: checkedCRC},
	{prefix: "ghu_", fewest: 36, most: 36, valid: checkedCRC},
	{prefix: "ghs_", fewest: 36, most: 36, valid: checkedCRC},
	{prefix: "ghr_", fewest: 36, most: 76},
	{prefix: "github_pat_", fewest: 82, most: 82, hyphens: true},
	{prefix: "glpat-", fewest: 20, most: 64, hyphens: true}, // GitLab
	{prefix: "npm_", fewest: 36, most: 36, valid: checkedCRC},
	{prefix: "pypi-AgE", fewest: 50, most: 1024, hyphens: true},
	{prefix: "sk_live_", fewest: 16, most: 247}, // Stripe
	{prefix: "rk_live_", fewest: 16, most: 247},
	{prefix: "sk_test_", fewest: 16, most: 247},
	{prefix: "rk_test_", fewest: 16, most: 247},
	{prefix: "whsec_", fewest: 32, most: 64},
	{prefix: "xoxb-", fewest: 20, most: 255, hyphens: true}, // Slack
	{prefix: "xoxp-", fewest: 20, most: 255, hyphens: true},
	{prefix: "xoxa-", fewest: 20, most: 255, hyphens: true},
	{prefix: "xoxr-", fewest: 20, most: 255, hyphens: true},
	{prefix: "xoxs-", fewest: 20, most: 255, hyphens: true},
	{prefix: "xapp-", fewest: 20, most: 255, hyphens: true},
	{prefix: "SG.", fewest: 43, most: 43, hyphens: true, dots: 1}, // SendGrid
	{prefix: "sk-ant-", fewest: 80, most: 120, hyphens: true},     // Anthropic
	{prefix: "sk-proj-", fewest: 40, most: 200, hyphens: true},    // OpenAI
	{prefix: "hvs.", fewest: 24, most: 200, hyphens: true},        // Vault
	{prefix: "dop_v1_", fewest: 64, most: 64},                     // DigitalOcean
	{prefix: "shpat_", fewest: 32, most: 32},                      // Shopify
}

// first are the bytes that keys begin with.
var first = func() (t [256][]*shape) {
	for i := range shapes {
		c := shapes[i].prefix[0]
		t[c] = append(t[c], &shapes[i])
	}
	return t
}()

// apiKey is a key that begins at i.
func apiKey(text []byte, i int) (Match, bool) {
	for _, s := range first[text[i]] {
		if len(text)-i < len(s.prefix) || string(text[i:i+len(s.prefix)]) != s.prefix {
			continue
		}
		if n := s.length(text[i+len(s.prefix):]); n > 0 {
			return Match{Kind: APIKey, Start: i, End: i + len(s.prefix) + n}, true
		}
	}
	return Match{}, false
}

// length is how many characters follow the prefix; 0 where they are none of its.
func (s *shape) length(text []byte) int {
	n, dots, part := 0, 0, 0
	for ; n < len(text) && part <= s.most; n++ {
		c := text[n]
		switch {
		case class[c]&digit != 0, class[c]&upper != 0, class[c]&lower != 0 && !s.upper, (c == '-' || c == '_') && s.hyphens:
			part++
			continue
		case c == '.' && dots < s.dots:
			dots++
			part = 0
			continue
		}
		break
	}
	if part < s.fewest || part > s.most || dots < s.dots || is(text, n, word) {
		return 0
	}
	if s.valid != nil && !s.valid(text[:n]) {
		return 0
	}
	return n
}

// checkedCRC tells whether the last six characters are the CRC-32 of those before, in base 62, as GitHub's and npm's tokens have it.
func checkedCRC(secret []byte) bool {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	at := len(secret) - 6
	sum := crc32.ChecksumIEEE(secret[:at])
	for i := len(secret) - 1; i >= at; i-- {
		if secret[i] != base62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

// botToken is a Telegram bot's: its number, a colon, 35 characters.
func botToken(text []byte, i int) (Match, bool) {
	at := i
	for is(text, at, digit) {
		at++
	}
	if n := at - i; n < 8 || n > 10 || !bytes.HasPrefix(text[at:], []byte(":AA")) {
		return Match{}, false
	}
	s := shape{fewest: 33, most: 33, hyphens: true}
	if n := s.length(text[at+3:]); n > 0 {
		return Match{Kind: APIKey, Start: i, End: at + 3 + n}, true
	}
	return Match{}, false
}

const mostJWT = Longest

// jwt is a signed token (RFC 7519) whose header names an algorithm.
func jwt(text []byte, i int) (Match, bool) {
	if !bytes.HasPrefix(text[i:], []byte("eyJ")) {
		return Match{}, false
	}
	var ends [3]int
	at, part := i, 0
	for ; at < len(text) && at-i < mostJWT; at++ {
		c := text[at]
		if class[c]&word != 0 || c == '-' || c == '_' {
			continue
		}
		if c != '.' || part == 2 {
			break
		}
		ends[part] = at
		part++
	}
	ends[2] = at
	if part < 2 || ends[0]-i > 1024 || ends[1] == ends[0]+1 || at-ends[1] < 2 {
		return Match{}, false
	}
	var head [1024]byte
	n, err := base64.RawURLEncoding.Decode(head[:], text[i:ends[0]])
	if err != nil || !bytes.Contains(head[:n], []byte(`"alg"`)) {
		return Match{}, false
	}
	return Match{Kind: JWT, Start: i, End: at}, true
}

const (
	begin  = "-----BEGIN "
	end    = "-----END "
	dashes = "-----"
)

// privateKey is one in PEM (RFC 7468), whatever its words before PRIVATE KEY are, also PGP's. One whose end is not there is open.
func privateKey(text []byte, i int) (Match, bool) {
	if !bytes.HasPrefix(text[i:], []byte(begin)) {
		return Match{}, false
	}
	label := text[i+len(begin) : min(len(text), i+len(begin)+64)]
	stop := bytes.Index(label, []byte(dashes))
	if stop < 0 || !bytes.Contains(label[:stop], []byte("PRIVATE KEY")) {
		return Match{}, false
	}
	m := Match{Kind: PrivateKey, Start: i, End: len(text), Open: true}
	if n := KeyEnd(text[i+len(begin):]); n >= 0 {
		m.End, m.Open = i+len(begin)+n, false
	}
	return m, true
}

// KeyEnd is where an open private key ends in the text that follows it; -1 where it does not.
func KeyEnd(text []byte) int {
	at := bytes.Index(text, []byte(end))
	if at < 0 {
		return -1
	}
	n := bytes.Index(text[at+len(end):], []byte(dashes))
	if n < 0 {
		return -1
	}
	return at + len(end) + n + len(dashes)
}
