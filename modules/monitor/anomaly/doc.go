// Package anomaly sees what is unlike what is usual: of a client or an account, in comparison with its own past and with all others; and of the whole.
//
// Of each subject it keeps a few hundred bytes, however much it does: what is done in windows of ten minutes of the events' time, as counts, sketches of
// what is distinct, and running means. What a window holds must be unusual for the subject and among all subjects to count. Until it knows enough of
// either it says nothing. It does not learn from windows in which rules saw an attack, so that nobody can teach it by attacking.
//
// It goes by the events alone: their time, their order. The same events give the same findings, live and in replay.
//
// Sources: exponentially weighted moving averages (Roberts 1959); Holt-Winters (Winters 1960); HyperLogLog (Flajolet et al. 2007), with the linear
// counting of small cardinalities; t-digests (Dunning 2019) for sizes among all; streaming half-space trees (Tan, Ting and Liu, IJCAI 2011) over the
// vector of features; first-order Markov chains for the order of routes.
package anomaly
