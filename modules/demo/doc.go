// Package demo is the command `convosphere demo`: the gateway with everything embedded, the chat behind it, and four people who
// can sign in at once.
//
// It goes through the front door wherever it can: the first rooms are made over the gateway's own API, so that who owns
// them is learned as it is for everybody.
package demo
