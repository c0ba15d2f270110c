package oidc

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ParseKey reads one public key (a JWK) that somebody registers, with the one algorithm that it may verify: that of `alg`, which an RSA key must name, or
// the one of its curve. A key with a secret in it is refused, since it has just been shown to somebody.
func ParseKey(raw []byte) (*Key, error) {
	var members map[string]jsontext.Value
	if len(raw) > MaxToken || json.Unmarshal(raw, &members) != nil {
		return nil, errors.New("the key is no JWK: one JSON object with each member once")
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, ok := members[secret]; ok {
			return nil, errors.New("the key holds its secret part: register the public key alone, and take another pair")
		}
	}
	k, err := parseKey(raw)
	if err != nil {
		return nil, fmt.Errorf("the key is none for signatures that are verified here: %w", err)
	}
	for name, a := range algorithms {
		if k.algorithm == "" && a.curve != nil && a.fits(k.public) {
			k.algorithm = name
		}
	}
	if k.algorithm == "" && algorithms["EdDSA"].fits(k.public) {
		k.algorithm = "EdDSA"
	}
	if k.algorithm == "" {
		return nil, errors.New("the key must name its algorithm (alg), as RS256 or PS256")
	}
	return k, nil
}

// ID is the key's `kid`, "" where it has none.
func (k *Key) ID() string { return k.id }

// Algorithm is the one that the key is pinned to, "" where that is left to who verifies.
func (k *Key) Algorithm() string { return k.algorithm }

// VerifyWith checks a token's signature by keys that ParseKey read, each with its own algorithm. Its claims are still to be looked at. Errors: ErrInvalid.
func VerifyWith(raw string, keys []*Key) (*Token, error) {
	algs := make([]string, 0, len(keys))
	for _, k := range keys {
		algs = append(algs, k.algorithm)
	}
	t, ok := split(raw, algs)
	if !ok {
		return nil, ErrInvalid
	}
	for _, k := range candidates(keys, t.header) {
		if algorithms[t.header.Algorithm].verify(k.public, t.signed, t.sig) {
			claims, ok := parseClaims(t.payload)
			if !ok {
				return nil, ErrInvalid
			}
			return &Token{t.header, claims, k}, nil
		}
	}
	return nil, ErrInvalid
}
