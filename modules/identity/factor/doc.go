// Package factor is what people prove themselves with beside a password: authenticator apps (TOTP), security keys and passkeys
// (WebAuthn), and recovery codes for the day when all of these are lost.
//
// Secrets and credentials rest sealed by the key ring, bound to their row; recovery codes as an HMAC that is bound to the account. What may be
// used once is spent by a compare-and-set in the database, so of parallel callers one succeeds, whichever gateway they ask.
//
// Who may add, use or remove a factor is decided in package session.
package factor
