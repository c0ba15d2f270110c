// Package limit decides whether something may happen now.
//
// A rate goes by the generic cell rate algorithm (GCRA, ITU-T I.371), in integer microseconds: it admits a burst at once and then one unit each
// interval. All that is kept of a key is one number, the theoretical arrival time: when the key's whole burst is free again. Nothing
// happens at the edge of a window, for there is none. A quota counts units in a calendar day or month, in UTC. A Concurrent limit counts
// leases, which end by themselves where they are not renewed.
//
// All limits that apply to one thing are asked together, and are charged all or none. They are counted in Redis, on its clock, by one script
// (limits.lua) a slot; or in a Memory, on the process's. Both do the same: model_test.go holds them to a reference that is written
// another way, over random schedules of costs, refunds, debits, leases, shadow zones and limits that change.
package limit
