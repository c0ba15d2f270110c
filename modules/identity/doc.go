// Package identity is the Caddy app gw_identity: who people are, and who is signed in. gw_portal and gw_authenticate ask it.
//
// The app itself is thin: accounts, passwords and second factors are package account, sessions package session, access tokens
// package token, an operator's changes package directory, and `convosphere user` calls that.
//
// When the database can't be asked, nobody is let in who is not known already, and after five seconds without news nobody at all: it fails
// closed. When the store (Redis) can't be asked, logins with a second factor and changes of a password fail; sessions go on.
//
// Metrics: gateway_logins_total, gateway_second_factors_total, gateway_refreshes_total, gateway_sessions_started_total,
// gateway_sessions_ended_total, gateway_tokens_verified_total, gateway_tokens_remembered, gateway_password_hash_seconds,
// gateway_password_hashes_waiting.
package identity
