// Package federation is the login by outside providers: the relying party of OpenID Connect Core 1.0's code flow, and who is linked to whom.
//
// A flow begins with Begin, which gives the address to send the browser to and a cookie, and ends with Finish, when the provider has sent the browser
// back. All that is to be remembered meanwhile is in the cookie, sealed by the key ring: nothing is stored, so beginning flows fills no memory, and only the
// browser that began a flow can end it. The cookie's name has the prefix __Host-, else a neighbouring host could plant its own.
//
//   - PKCE S256 always: who sees the code can't use it.
//   - state is compared with the cookie's, for ten minutes.
//   - nonce ties the ID token to the flow.
//   - iss (RFC 9207) must be the provider's where it is given, and given where the provider says that it gives it. Each provider has a redirect address
//     of its own besides.
//   - The ID token's signature, algorithm, iss, aud, azp, exp, iat and typ are checked (package oidc). What is missing in it is asked of the userinfo endpoint, whose
//     sub must be the token's.
//
// Who a Person is here is not this package's to say: package session links people to accounts by its rules.
package federation

import "errors"

var (
	// ErrProvider is a provider that is not configured.
	ErrProvider = errors.New("there is no such provider")
	// ErrFlow is a flow that this browser did not begin, that took too long, or whose answer is not the provider's: begin again.
	ErrFlow = errors.New("the login with the provider was not begun here, or took too long")
	// ErrDenied is a provider's answer that it did not sign the person in.
	ErrDenied = errors.New("the provider did not sign the person in")
	// ErrRefused is an answer of the provider that is not to be believed, or a person whom the operator's rules keep out.
	ErrRefused = errors.New("the provider's answer is refused")
)

// Kind is which of the errors it is, in words that tell nothing of the request.
func Kind(err error) string {
	for _, one := range []error{ErrProvider, ErrFlow, ErrDenied, ErrRefused} {
		if errors.Is(err, one) {
			return one.Error()
		}
	}
	return "it can't be asked"
}
