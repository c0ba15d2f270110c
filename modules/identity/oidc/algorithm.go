package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"fmt"
	"math/big"
	"slices"
)

// algorithm is how one `alg` verifies (RFC 7518 section 3, RFC 8037, RFC 9864). There are asymmetric ones only: no secret is shared with an issuer, and
// a public key can't be taken for one.
type algorithm struct {
	hash  crypto.Hash
	curve elliptic.Curve // of ECDSA
	pss   bool           // of RSA
}

var algorithms = map[string]algorithm{
	"RS256":   {hash: crypto.SHA256},
	"RS384":   {hash: crypto.SHA384},
	"RS512":   {hash: crypto.SHA512},
	"PS256":   {hash: crypto.SHA256, pss: true},
	"PS384":   {hash: crypto.SHA384, pss: true},
	"PS512":   {hash: crypto.SHA512, pss: true},
	"ES256":   {hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384":   {hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512":   {hash: crypto.SHA512, curve: elliptic.P521()},
	"EdDSA":   {},
	"Ed25519": {},
}

// DefaultAlgorithms are those that issuers use most.
var DefaultAlgorithms = []string{"ES256", "RS256"}

// CheckAlgorithms refuses names that are no algorithm here; "none" and those with a shared secret (HS256 …) are none.
func CheckAlgorithms(names []string) error {
	for i, name := range names {
		if _, ok := algorithms[name]; !ok {
			return fmt.Errorf("algorithms: %q is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA", name)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("algorithms: %q is given twice", name)
		}
	}
	return nil
}

// fits tells whether a key is one for the algorithm.
func (a algorithm) fits(key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return a.hash != 0 && a.curve == nil
	case *ecdsa.PublicKey:
		return a.curve != nil && a.curve == k.Curve
	case ed25519.PublicKey:
		return a.hash == 0
	}
	return false
}

// verify checks a signature by a key that fits.
func (a algorithm) verify(key crypto.PublicKey, signed string, sig []byte) bool {
	if !a.fits(key) {
		return false
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(k, []byte(signed), sig)
	}
	h := a.hash.New()
	h.Write([]byte(signed))
	sum := h.Sum(nil)
	switch k := key.(type) {
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(k, a.hash, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, a.hash, sum, sig) == nil
	case *ecdsa.PublicKey:
		n := (a.curve.Params().BitSize + 7) / 8
		if len(sig) != 2*n {
			return false
		}
		return ecdsa.Verify(k, sum, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
	}
	return false
}
