package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxKeys       = 64
	maxTried      = 4 // keys that one token's signature is held against
	minRSA        = 2048
	maxRSA        = 8192 // a larger one makes verifying a way to use up the processor
	maxIdentifier = 256  // bytes of a kid, and of a subject
)

// Strict: of the spellings that differ in unused bits, one is right. (Line breaks, which it skips, are refused by alphabet.)
var b64 = base64.RawURLEncoding.Strict()

// Key is one public key of an issuer.
type Key struct {
	id        string
	algorithm string // the only one that the issuer lets it be used with; "" says nothing
	public    crypto.PublicKey
	withdrawn atomic.Bool
}

// jwk is a key as the issuer writes it (RFC 7517, RFC 7518 section 6).
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Y          string   `json:"y"`
	N          string   `json:"n"`
	E          string   `json:"e"`
}

// parseKeys reads a JWK Set. Keys that are not for signatures, or of a kind that is unknown here, are left out: an issuer may have others for other
// uses. A set of which nothing is left is an error.
func parseKeys(raw []byte) ([]*Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("reading a JWK Set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("a JWK Set of %d keys: at most %d", len(set.Keys), maxKeys)
	}
	var keys []*Key
	for _, one := range set.Keys {
		if k, err := parseKey(one); err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("a JWK Set without a key for signatures")
	}
	return keys, nil
}

var errKey = errors.New("no key for signatures")

func parseKey(raw []byte) (*Key, error) {
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, err
	}
	if j.Use != "" && j.Use != "sig" || j.Operations != nil && !slices.Contains(j.Operations, "verify") || len(j.ID) > maxIdentifier {
		return nil, errKey
	}
	k := &Key{id: j.ID, algorithm: j.Algorithm}
	var err error
	switch j.Type {
	case "RSA":
		k.public, err = j.rsa()
	case "EC":
		k.public, err = j.ec()
	case "OKP":
		k.public, err = j.okp()
	default:
		err = errKey
	}
	if err != nil {
		return nil, err
	}
	if a, ok := algorithms[j.Algorithm]; j.Algorithm != "" && (!ok || !a.fits(k.public)) {
		return nil, errKey
	}
	return k, nil
}

func (j *jwk) rsa() (crypto.PublicKey, error) {
	n, err1 := decode(j.N)
	e, err2 := decode(j.E)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < minRSA || bits > maxRSA || modulus.Bit(0) == 0 || factorable(modulus) {
		return nil, errKey
	}
	if exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, errKey
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (j *jwk) ec() (crypto.PublicKey, error) {
	curve := algorithms[map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[j.Curve]].curve
	if curve == nil {
		return nil, errKey
	}
	x, err1 := decode(j.X)
	y, err2 := decode(j.Y)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if n := (curve.Params().BitSize + 7) / 8; len(x) != n || len(y) != n {
		return nil, errKey
	}
	return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y)) // refuses what is not on the curve
}

func (j *jwk) okp() (crypto.PublicKey, error) {
	x, err := decode(j.X)
	if err != nil {
		return nil, err
	}
	if j.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, errKey
	}
	return ed25519.PublicKey(x), nil
}

func decode(s string) ([]byte, error) {
	if !alphabet(s, false) {
		return nil, errKey
	}
	return b64.DecodeString(s)
}

// same tells whether two keys are one.
func (k *Key) same(o *Key) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.id == o.id && k.algorithm == o.algorithm && public.Equal(o.public)
}

// candidates are the keys that a token with this header may be signed by. One without `kid` must leave no choice.
func candidates(keys []*Key, h Header) []*Key {
	a := algorithms[h.Algorithm]
	var found []*Key
	for _, k := range keys {
		if (h.KeyID == "" || k.id == h.KeyID) && (k.algorithm == "" || k.algorithm == h.Algorithm) && a.fits(k.public) {
			found = append(found, k)
		}
	}
	if h.KeyID == "" && len(found) > 1 || len(found) > maxTried {
		return nil
	}
	return found
}
