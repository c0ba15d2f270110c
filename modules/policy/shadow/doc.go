// Package shadow has a candidate policy decide beside the one in force, about the same inputs, and tells where the two differ.
//
// It decides off the path of requests, in a goroutine of its own, with at most a quarter of one processor: what finds no room, or no time, is
// passed over and counted. Nothing that becomes of the candidate, an error, a panic, a decision that takes long, reaches a request.
package shadow
