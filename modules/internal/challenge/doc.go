// Package challenge sets tasks that cost a client time before it may go on: puzzles of hashes for what can compute, waiting for what can't.
//
// Nothing is kept of a task that was set: its token says what it is and when it ends, signed together with the client and the purpose it is
// for, so a flood of clients that never answer costs a hash each and no memory. What is kept, in the store and until the task would have
// expired, is which ones were solved: each counts once.
//
// A puzzle is some small ones side by side rather than a large one, since the time that one takes is a matter of luck: of one it varies as
// much as it is long, of 32 by less than a fifth.
//
// Who has solved one gets a clearance, which is bound to the client too.
package challenge
