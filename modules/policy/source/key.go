package source

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// Key is one that bundles are signed with, or verified by. Which algorithm it is used with belongs to the key: what a bundle says of
// itself is not asked.
type Key struct {
	Algorithm string // as JWS has it
	key       crypto.PublicKey
	pem       []byte
}

// minRSA is the fewest bits of an RSA key.
const minRSA = 2048

// ParseKey reads a public key or a certificate as PEM. algorithm is "" for the key's usual one: RS256, ES256, ES384, ES512 or EdDSA.
func ParseKey(raw []byte, algorithm string) (Key, error) {
	block, rest := pem.Decode(raw)
	if block == nil || len(rest) > 0 && hasPEM(rest) {
		return Key{}, errors.New("the key is not one PEM block")
	}
	var public crypto.PublicKey
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = cert.PublicKey
		}
	case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
		return Key{}, errors.New("it is a private key: the gateway verifies, and so needs the public one only")
	default:
		return Key{}, fmt.Errorf("a %q is no key that bundles are verified by", block.Type)
	}
	if err != nil {
		return Key{}, errors.New("the key can't be read")
	}
	// Written anew, since OPA's verifier reads its keys as PEM and knows fewer of them.
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Key{}, errors.New("the key can't be read")
	}
	k := Key{Algorithm: algorithm, key: public, pem: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	return k.settle()
}

func hasPEM(raw []byte) bool {
	block, _ := pem.Decode(raw)
	return block != nil
}

// parsePrivate reads a private key as PEM, with the algorithm it signs by.
func parsePrivate(raw []byte, algorithm string) (crypto.Signer, string, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, "", errors.New("the key is no PEM block")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, "", fmt.Errorf("a %q is no private key", block.Type)
	}
	signer, ok := private.(crypto.Signer)
	if err != nil || !ok {
		return nil, "", errors.New("the key can't be read") // the error might tell of the key
	}
	k, err := Key{Algorithm: algorithm, key: signer.Public()}.settle()
	return signer, k.Algorithm, err
}

// settle gives the key its usual algorithm, or checks that it is good for the one that is asked for.
func (k Key) settle() (Key, error) {
	able := []string{}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSA {
			return Key{}, fmt.Errorf("an RSA key needs %d bits", minRSA)
		}
		able = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		if name, ok := map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]; ok {
			able = []string{name}
		}
	case ed25519.PublicKey:
		able = []string{"EdDSA"}
	}
	if len(able) == 0 {
		return Key{}, errors.New("it is a key that nothing is signed with: use RSA, ECDSA or Ed25519")
	}
	if k.Algorithm == "" {
		k.Algorithm = able[0]
	}
	if !slices.Contains(able, k.Algorithm) {
		return Key{}, fmt.Errorf("this key does not sign with %s, but with %s", k.Algorithm, able)
	}
	return k, nil
}
