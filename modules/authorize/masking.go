package authorize

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/policy/classify"
)

// The methods of masking. Each gives null, by giving nothing, for what it can't be done to: a mask is never weaker for a value that is not as the policy
// expects it.

const stars = "***"

// parse reads a mask as decisions ask for it.
func (m *masks) parse(text string) (jsonstream.Mask, error) {
	path, how, err := classify.ParseMask(text)
	out := jsonstream.Mask{Path: path, Rank: int(how.Kind)}
	switch how.Kind {
	case classify.Drop:
		out.Drop = true
	case classify.Truncate:
		out.Replace = func(f jsonstream.Field) []byte { return truncated(f, how.First, how.Last) }
	case classify.Mail:
		out.Replace = maskedMail
	case classify.Hash:
		out.Replace = m.hashed
	case classify.Token:
		out.Replace = m.token
	}
	return out, err
}

// textual tells whether there is a text to work on. Of a boolean or null any work would tell which it was.
func textual(f jsonstream.Field) bool {
	return f.Kind == strictjson.String || f.Kind == strictjson.Number
}

func quoted(text string) []byte {
	b, err := json.Marshal(text)
	if err != nil {
		return nil // then it is null
	}
	return b
}

// truncated keeps the first and last characters, where these are at most half of the text.
func truncated(f jsonstream.Field, first, last int) []byte {
	if !textual(f) {
		return nil
	}
	runes := []rune(f.Text)
	if 2*(first+last) > len(runes) {
		return quoted(stars)
	}
	return quoted(string(runes[:first]) + stars + string(runes[len(runes)-last:]))
}

// maskedMail keeps the first character of an address, where there are more, and its domain. What is not an address alone is not one.
func maskedMail(f jsonstream.Field) []byte {
	local, domain, ok := strings.Cut(f.Text, "@")
	if f.Kind != strictjson.String || !ok || local == "" || !isDomain(domain) || strings.ContainsFunc(local, notInAddress) {
		return nil
	}
	first, size := utf8.DecodeRuneInString(local)
	if size == len(local) {
		return quoted(stars + "@" + domain)
	}
	return quoted(string(first) + stars + "@" + domain)
}

func notInAddress(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>()[]"',:;\@`, r)
}

func isDomain(s string) bool {
	return strings.Contains(s, ".") && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// hashBytes of a hash are shown: equal values are told apart from others by far, and none can be found by it without the key.
const hashBytes = 12

// hashed is a keyed hash of the value, the same in every answer of the gateways that share a key ring. A number and a string of its digits are two values.
func (m *masks) hashed(f jsonstream.Field) []byte {
	if !textual(f) {
		return nil
	}
	return quoted("hash:" + base64.RawURLEncoding.EncodeToString(m.mac(f, 0)[:hashBytes]))
}

// token is a stand-in of the same form: each digit becomes a digit, each letter a letter in the same case; of all else only ASCII stays. It is keyed by the whole value, so that equal values have
// equal stand-ins, and nothing can be had back from one.
func (m *masks) token(f jsonstream.Field) []byte {
	if !textual(f) || f.Kind == strictjson.Number && strings.ContainsAny(f.Text, "eE") {
		return nil
	}
	var stream []byte
	block := byte(0)
	next := func(n rune) rune {
		if len(stream) < 2 {
			block++
			stream = m.mac(f, block)
		}
		v := uint16(stream[0])<<8 | uint16(stream[1])
		stream = stream[2:]
		return rune(v) % n
	}
	if len(f.Text) > maxToken {
		return nil
	}
	var b strings.Builder
	for i, r := range f.Text {
		switch {
		case f.Kind == strictjson.Number && leading(f.Text, i):
			b.WriteRune('1' + next(9))
		case unicode.IsNumber(r):
			b.WriteRune('0' + next(10))
		case unicode.IsUpper(r):
			b.WriteRune('A' + next(26))
		case unicode.IsLetter(r) || r >= utf8.RuneSelf:
			b.WriteRune('a' + next(26))
		default:
			b.WriteRune(r)
		}
	}
	if f.Kind == strictjson.Number {
		return []byte(b.String())
	}
	return quoted(b.String())
}

// maxToken is how long a value may be of which a stand-in is made: 255 blocks of the keyed stream suffice for it.
const maxToken = 4000

// leading tells whether the digit at i must not become a zero: it is the first of several before the point.
func leading(number string, i int) bool {
	digits := strings.TrimPrefix(number, "-")
	return i == len(number)-len(digits) && len(digits) > 1 && digits[1] != '.'
}

// mac of a value, by its kind and a number.
func (m *masks) mac(f jsonstream.Field, n byte) []byte {
	h := hmac.New(sha256.New, m.key())
	h.Write([]byte{n, byte(f.Kind)})
	h.Write([]byte(f.Text))
	return h.Sum(nil)
}
