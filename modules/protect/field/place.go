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

	Scratch *Scratch // memory to use again; nil: none is
}

// Scratch is memory that values of one document, which are worked on one after another, share.
type Scratch struct{ text, sealed, aad []byte }

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
	s := p.scratch()
	sealed, err := p.Keys.Seal(room(&s.sealed, len(json)+overhead), p.Field, json, p.additional(s))
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
	s := p.scratch()
	s.text = append(s.text[:0], sealed...)
	raw, err := encoding.AppendDecode(room(&s.sealed, encoding.DecodedLen(len(sealed))), s.text)
	if err != nil {
		return dst, false, ErrToken
	}
	json, stale, err = p.Keys.Open(dst, p.Field, raw, p.additional(s))
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
	if !ok || !isID(id) || strings.IndexByte(sealed, '\n') >= 0 || strings.IndexByte(sealed, '\r') >= 0 { // which the decoder would pass over
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
func (p Place) additional(s *Scratch) []byte {
	s.aad = s.aad[:0]
	for _, part := range [...]string{version, purpose, p.Keys.Name(), p.Record, p.Field} {
		s.aad = binary.BigEndian.AppendUint32(s.aad, uint32(len(part)))
		s.aad = append(s.aad, part...)
	}
	return s.aad
}

func (p Place) scratch() *Scratch {
	if p.Scratch == nil {
		return new(Scratch)
	}
	return p.Scratch
}

// room is memory of a size, empty.
func room(b *[]byte, size int) []byte {
	if cap(*b) < size {
		*b = make([]byte, 0, size)
	}
	return (*b)[:0]
}
