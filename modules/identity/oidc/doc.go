// Package oidc reads the tokens of other issuers: their keys by OpenID Connect Discovery 1.0 (or by a JWK Set's own address), JWS signatures
// (RFC 7515), and claims, with what RFC 8725 asks of who reads them.
//
// A Provider is one issuer. Its metadata and keys are fetched when first needed, looked at again after ten minutes, beside the requests, and hold
// for an hour where the issuer does not answer. A key that the issuer has withdrawn verifies nothing from then on, also no token that was
// verified before (Provider.Holds). A token that names an unknown key has the keys fetched, at most every 30 seconds, so that
// made-up names are no way to flood the issuer.
//
// Of a token nothing is believed before its signature: the algorithm is one that the operator named and fits the key; `kid` only picks from the
// issuer's own keys; `jku`, `x5u`, `jwk` and `x5c` are not looked at; `crit` refuses the token. Names given twice refuse it too, at any depth.
//
// What is fetched comes over https (http from loopback only), without redirects, in 5 seconds and 256 KiB at most.
package oidc

import "errors"

var (
	// ErrInvalid is a token that is not to be believed. Why, only the log of who asks may tell.
	ErrInvalid = errors.New("the token is not valid")
	// ErrUnavailable is an issuer that could not be asked. What depends on it must be refused, for now.
	ErrUnavailable = errors.New("the issuer could not be asked")
)
