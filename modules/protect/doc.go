// Package protect is gw_protect: what the back end keeps. It encrypts fields of requests before the back end sees them, and decrypts them in its answers
// for whom the policy allows.
//
// It stands innermost on the path, directly before the proxy: the WAF and validation see plaintext, and of answers the policy's masks, validation
// and the WAF see what the client will.
//
// It fails closed: a request whose field has no place to be encrypted for is 503, one that brings a token itself 422, an answer that can't be
// decrypted 502; nothing of either is passed on.
package protect
