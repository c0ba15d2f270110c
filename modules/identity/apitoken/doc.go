// Package apitoken is the access tokens that are no JWTs: those that people make for their own programs (personal access tokens), and
// those that services get for their keys.
//
// They are random, recognizable (a scanner of repositories finds a leaked one by its prefix and knows it by its checksum), stored hashed, limited to
// scopes, and end by themselves. A token's id is no secret; it stands where a session's id stands.
package apitoken
