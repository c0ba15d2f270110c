// Package correlate follows what rules say about several events: Sigma's correlations, over windows of event time.
//
// A window is a group's (the values of group-by), as long as the correlation's timespan, and ends at one of its events: (end-timespan, end]. With
// each event all windows that hold it are looked at, so that a finding comes with the event that completes it, also when events come in another
// order than they happened. A condition that later events can undo (lt, lte, eq, neq; of value_min gt and gte) can't be told before its window is
// over: there the windows stand side by side, from the epoch on, and are told when event time has passed their end by Options.Lateness.
//
// All is counted by the time of events and by their order, never by a clock: replay finds what was found live.
//
// What is kept has bounds. Per group: an event_count up to Options.Exact keeps that many times, a larger one counts in 256 parts of the timespan;
// a value_count up to Options.Exact keeps that many values (as hashes), a larger one sketches them in 16 parts of the timespan (HyperLogLog, 1.6%
// off); sums, averages, minimums and maximums are kept in 256 parts of the timespan, percentiles over the newest 256 values; temporal correlations
// keep what could still become part of a match. Altogether: Options.MaxBytes, after which the groups go that were quiet for longest.
package correlate
