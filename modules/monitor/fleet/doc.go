// Package fleet counts once for all gateways what correlations count, so that an attack that is spread over them is seen as one.
//
// Each gateway matches its own events. What counts in a correlation (a hit) goes into one of 16 streams in Redis, by the first value that names its
// group: an address is always in the same one. Each stream, a partition, has one gateway that reads it and counts: the owner. Who that is follows
// from the gateways that are alive (rendezvous hashing), and a lease makes sure that it is one at a time: what an owner finds is told only with its
// lease, in one step with the acknowledgement of what it was found in.
//
// When an owner dies, another takes its lease over after some seconds, goes on from what the first one saved last, claims what was read and not
// acknowledged (XAUTOCLAIM), and counts again what the stream has since then, silently up to there. So nothing is told twice and nothing is left out.
//
// While Redis is away, each gateway counts for itself, too, and keeps the hits: on disk where there is a spool. They go to the owners afterwards,
// after a note of what was told meanwhile, so that it is not told again.
package fleet
