// Package abuse keeps a score of clients that misbehave: who keeps running into limits, sends what the WAF blocks or guesses passwords
// earns points, which halve with every half-life. By its score a client is at a level: its limits are tighter, it must solve a puzzle,
// it is banned.
//
// A client is an address, or the /64 of an IPv6 address. Many people may share one, so a score is divided by how many of them are signed in
// there, and what a signed-in person does counts mostly for that person: an address is banned for what its anonymous callers do.
//
// Nothing here waits: scores are in memory, bounded, and gateways that share a Redis tell each other once a second. Without Redis,
// or while it is away, each gateway goes by what it saw itself.
package abuse
