// Package foreign is who others vouch for: issuers of tokens, and authorities that certify TLS clients. It turns what they say into identities, by the
// operator's rules only.
//
// A foreign identity is no account: it has no session, nothing can sign it out before its token or certificate expires, and its subject and name end
// in "@" and a label of the issuer, which no account's can. The rest of a name is spelled in one way: what is not a-z, 0-9, dot, underscore or dash is
// percent-encoded, so that two subjects of an issuer never become one name.
//
// Roles come from the operator's mapping; an identity that gets none is refused. A second factor counts only where the operator
// says by which claim the issuer tells it. Tokens that are bound to a client certificate (`cnf`, RFC 8705) need that certificate; those bound to something
// else are refused, since here nothing could tell a thief from their owner.
//
// Verified tokens are remembered until they expire, at most 10,000, and no longer than the issuer keeps the key that signed them.
package foreign

import "errors"

// ErrNoRole is an identity that is good, and to which the operator gives no role.
var ErrNoRole = errors.New("the identity has no role here")
