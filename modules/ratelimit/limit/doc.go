// Package limit decides whether something may happen now, by the generic cell rate algorithm (GCRA, ITU-T I.371), in integer microseconds.
//
// A limit admits a burst at once and then one unit each interval. All that is kept of a key is one number, the theoretical
// arrival time: when the key's whole burst is free again. Nothing happens at the edge of a window, for there is none.
//
// All limits that apply to one thing are asked together, and are charged all or none. They are counted
// in Redis, on its clock, or in a Memory, on the process's.
package limit
