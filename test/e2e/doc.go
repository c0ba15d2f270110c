// Package e2e runs the built binaries as an operator does, and calls them as clients and browsers do.
//
// The tests of what the gateway protects run twice: against the demo (one process, everything embedded) and against a fleet (two
// gateways that share a Redis, a database and a key ring). In the fleet what is done on one is looked for on the other.
package e2e
