// Package service is the programs that have an account: what they may be given tokens for, and the keys that they prove themselves with
// (private_key_jwt: OpenID Connect Core 9, RFC 7523). There is no secret that both sides know.
//
// A service's account stands among those of people, so that its name is nobody else's and roles, grants, disabling and erasing are as for people; but
// no session ever begins for it (account.Store.SignIn), whatever password or factor somebody may give it.
package service
