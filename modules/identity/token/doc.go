// Package token writes and reads the gateway's access tokens: JWTs (RFC 7519, RFC 9068) signed with ES256, and remembers those it
// has verified.
//
// The reader takes exactly what the writer writes and nothing else (RFC 8725): one algorithm, one type, one issuer, one
// audience, three header members, each claim once and of its type. A header that names keys (jku, x5u, jwk, x5c) or demands
// extensions (crit) is refused unread; `kid` is looked up in a map and nowhere else.
package token
