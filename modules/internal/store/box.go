package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrForged is a value that this fleet did not write at that place: of another key ring, changed, or moved there.
var ErrForged = errors.New("store: the value is not what a gateway of this fleet wrote there")

// sealedVersion begins every sealed value.
const sealedVersion = 1

// Box makes what lies in a store unreadable to whoever runs it. A value opens at the name alone that it was sealed for, and names tell nothing of the
// addresses and ids that they are made of. nil is no box: all is as it is.
type Box struct {
	names  []byte
	values cipher.AEAD
}

// NewBox makes one of a secret of 32 bytes that all gateways of a fleet have.
func NewBox(secret []byte) (*Box, error) {
	names, err := hkdf.Expand(sha256.New, secret, "names", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	values, err := hkdf.Expand(sha256.New, secret, "values", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(values)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Box{names, aead}, err
}

// Name is what a key of Key is called in the store: its tag, which is a word of ours and what a Cluster hashes, and a keyed hash of all of it.
func (b *Box) Name(key string) string {
	if b == nil {
		return key
	}
	tag, rest, ok := strings.Cut(key, "}")
	if !ok || rest == "" { // nothing but a tag
		return key
	}
	return tag + "}:" + base64.RawURLEncoding.EncodeToString(b.sum(key)[:18])
}

func (b *Box) sum(s string) []byte {
	h := hmac.New(sha256.New, b.names)
	h.Write([]byte(s))
	return h.Sum(nil)
}

// Seal encrypts a value for a place.
func (b *Box) Seal(plain []byte, place string) []byte {
	if b == nil {
		return plain
	}
	// A random nonce: one key serves 2^32 values at a risk of 2^-32, and the store's are few and short-lived.
	out := make([]byte, 1+b.values.NonceSize(), 1+b.values.NonceSize()+len(plain)+b.values.Overhead())
	out[0] = sealedVersion
	rand.Read(out[1:]) //nolint:errcheck // it never fails
	return b.values.Seal(out, out[1:], plain, []byte(place))
}

// Open decrypts what Seal made for the same place. Errors: ErrForged.
func (b *Box) Open(sealed []byte, place string) ([]byte, error) {
	if b == nil {
		return sealed, nil
	}
	n := 1 + b.values.NonceSize()
	if len(sealed) < n || sealed[0] != sealedVersion {
		return nil, ErrForged
	}
	plain, err := b.values.Open(nil, sealed[1:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}

// Mark is Seal with the same result for the same value, for what scripts compare and Open reads: who sees two of them knows whether they are one.
func (b *Box) Mark(plain, place string) string {
	if b == nil {
		return plain
	}
	n := 1 + b.values.NonceSize()
	out := make([]byte, n, n+len(plain)+b.values.Overhead())
	out[0] = sealedVersion
	// The nonce is a keyed hash of all that is sealed, as in SIV: one nonce never serves two values.
	copy(out[1:], b.sum("mark\x00"+place+"\x00"+plain))
	return string(b.values.Seal(out, out[1:n], []byte(plain), []byte("mark\x00"+place)))
}

// Unmark reads what Mark made for the same place. Errors: ErrForged.
func (b *Box) Unmark(mark, place string) (string, error) {
	if b == nil {
		return mark, nil
	}
	plain, err := b.Open([]byte(mark), "mark\x00"+place)
	return string(plain), err
}
