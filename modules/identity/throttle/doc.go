// Package throttle makes wrong tries wait for each other. A try is counted before it is looked at, in one step with the question whether it
// may be: of a thousand at once only as many are looked at as one after another would be, on however many gateways. A right one takes its
// count back.
//
// A try counts for several things at a time (who tries, what is tried), all or none of them. Each has a Rule: some tries are free, the
// next wait, twice as long each time, up to the longest; and for each longest wait one is forgotten. So guessing goes on for ever at one
// try each longest wait, however it is spread in time, and nobody who was let be is shut out for good.
package throttle
