// Package journal answers questions about events that were: which ones, how many by what, how many when. It keeps the last of them in segments, each some
// thousand events, as columns of what is asked for and as the lines themselves, compressed.
//
// It stands beside the bus: it never waits for anybody and nobody for it. What comes faster than it can be kept is dropped, which is counted. Fails
// open: what it can't keep it answers without; the events' own file and the audit log do not depend on it.
package journal
