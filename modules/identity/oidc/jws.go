package oidc

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxToken is the length of the longest token that is looked at, in bytes.
const MaxToken = 16 << 10

// Header is what counts of a token's header. Other members are ignored, as RFC 7515 section 4 asks: none of them is followed.
type Header struct {
	Algorithm string
	KeyID     string
	Type      string // lower case, without "application/"
}

// unverified is a token whose signature is still to be checked.
type unverified struct {
	header  Header
	signed  string
	payload []byte
	sig     []byte
}

// split takes a token in compact form apart, and reads its header. Only algorithms that are named may be.
func split(raw string, algs []string) (t unverified, ok bool) {
	if len(raw) > MaxToken || !alphabet(raw, true) {
		return t, false
	}
	head, rest, ok1 := strings.Cut(raw, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || strings.Contains(sig, ".") {
		return t, false
	}
	h, err := b64.DecodeString(head)
	if err != nil {
		return t, false
	}
	if t.header, ok = parseHeader(h); !ok || !slices.Contains(algs, t.header.Algorithm) {
		return t, false
	}
	t.signed = raw[:len(head)+1+len(body)]
	if t.payload, err = b64.DecodeString(body); err != nil {
		return t, false
	}
	t.sig, err = b64.DecodeString(sig)
	return t, err == nil
}

func parseHeader(raw []byte) (h Header, ok bool) {
	var in struct {
		Algorithm string         `json:"alg"`
		KeyID     string         `json:"kid"`
		Type      string         `json:"typ"`
		Critical  jsontext.Value `json:"crit"`
		Encoded   jsontext.Value `json:"b64"`
	}
	if raw = slices.Clone(raw); !isObject(raw) || json.Unmarshal(raw, &in) != nil {
		return h, false
	}
	if in.Critical != nil || in.Encoded != nil || len(in.KeyID) > maxIdentifier {
		return h, false // extensions that change the meaning: none is understood here
	}
	if _, ok := algorithms[in.Algorithm]; !ok {
		return h, false
	}
	return Header{in.Algorithm, in.KeyID, MediaType(in.Type)}, true
}

// MediaType is a `typ` as it is compared (RFC 7515 section 4.1.9).
func MediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

func alphabet(raw string, dots bool) bool {
	for i := range len(raw) {
		c := raw[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && (c != '.' || !dots) {
			return false
		}
	}
	return true
}

// IssuerOf reads the `iss` that a token claims, without believing it: to find out who is to be asked. "" where there is none.
func IssuerOf(raw string) string {
	if len(raw) > MaxToken || !alphabet(raw, true) {
		return ""
	}
	_, rest, _ := strings.Cut(raw, ".")
	body, _, ok := strings.Cut(rest, ".")
	payload, err := b64.DecodeString(body)
	if !ok || err != nil || !isObject(payload) {
		return ""
	}
	var in struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &in) != nil {
		return ""
	}
	return in.Issuer
}
