package field

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Keys is what a place needs of its key set (keyset.Set).
type Keys interface {
	ID() string
	Name() string
	Seal(dst []byte, field string, plain, aad []byte) ([]byte, error)
	Open(dst []byte, field string, sealed, aad []byte) (plain []byte, stale bool, err error)
}

// Place is where a value belongs. A token opens at its own place alone.
type Place struct {
	Keys   Keys
	Record string // its type and id: "message/01J…"
	Field  string // "text"
}

const (
	// Prefix begins every token. The version in it is bound by the additional data, too.
	Prefix = "enc:v1:"

	version = "v1"
	purpose = "field" // a key of the set that encrypts something else can't open it

	// MaxToken bounds what is decoded, in bytes.
	MaxToken = 16 << 20
)

// Errors of Open.
var (
	ErrToken = errors.New("it is no token of the gateway's")
	ErrSet   = errors.New("the token is of another key set")
)

var encoding = base64.RawURLEncoding.Strict()

// Seal makes the token of a value, given as JSON text.
func (p Place) Seal(json []byte) (string, error) {
	token, err := p.AppendSeal(nil, json)
	return string(token), err
}

// AppendSeal is Seal that appends.
func (p Place) AppendSeal(dst, json []byte) ([]byte, error) {
	sealed, err := p.Keys.Seal(make([]byte, 0, len(json)+overhead), p.Field, json, p.additional())
	if err != nil {
		return dst, fmt.Errorf("sealing %s: %w", p.Field, err)
	}
	dst = append(dst, Prefix...)
	dst = append(append(dst, p.Keys.ID()...), ':')
	return encoding.AppendEncode(dst, sealed), nil
}

// overhead is what sealing adds: the version of the key, the nonce, the tag.
const overhead = 4 + 12 + 16

// Open is the JSON text in a token. stale tells that it was sealed under a version of the key set that is no longer the newest.
func (p Place) Open(token string) (json []byte, stale bool, err error) {
	return p.AppendOpen(nil, token)
}

// AppendOpen is Open that appends. dst comes back as it was where it fails.
func (p Place) AppendOpen(dst []byte, token string) (json []byte, stale bool, err error) {
	id, sealed, err := split(token)
	if err != nil {
		return dst, false, err
	}
	if id != p.Keys.ID() {
		return dst, false, ErrSet
	}
	raw := make([]byte, 0, encoding.DecodedLen(len(sealed)))
	if raw, err = encoding.AppendDecode(raw, []byte(sealed)); err != nil {
		return dst, false, ErrToken
	}
	json, stale, err = p.Keys.Open(dst, p.Field, raw, p.additional())
	if err != nil {
		return dst, false, fmt.Errorf("opening %s: %w", p.Field, err)
	}
	return json, stale, nil
}

// SetOf is the id of a token's key set. It fails where s is no token, as the gateway writes them.
func SetOf(s string) (id string, err error) {
	id, _, err = split(s)
	return id, err
}

// split takes a token apart. It is as narrow as Seal, so that one value has no two spellings.
func split(s string) (id, sealed string, err error) {
	rest, ok := strings.CutPrefix(s, Prefix)
	if !ok || len(s) > MaxToken {
		return "", "", ErrToken
	}
	id, sealed, ok = strings.Cut(rest, ":")
	if !ok || !isID(id) || strings.ContainsAny(sealed, "\r\n") { // which the decoder would pass over
		return "", "", ErrToken
	}
	return id, sealed, nil
}

const maxID = 64

func isID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// additional is the data that a token is bound to.
func (p Place) additional() []byte {
	name := p.Keys.Name()
	out := make([]byte, 0, 5*4+len(version)+len(purpose)+len(name)+len(p.Record)+len(p.Field))
	for _, part := range []string{version, purpose, name, p.Record, p.Field} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}
