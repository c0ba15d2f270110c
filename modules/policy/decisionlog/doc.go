// Package decisionlog records what the policy decided: each decision as a security event, with the digest of what it was decided from,
// the rule that gave the reason, and how long it took.
//
// Put never waits, and does not ask whether the client is still there. A goroutine that the Log owns does the rest: it makes the
// input's document again, looks for the rule by deciding once more with a tracer (once for each kind of decision), masks what the policy's own
// data.system.log.mask names, and hands over the event. What finds no room in the queue is dropped and counted, and an event says so
// once there is room. A Log that is closed, as after a reload, writes at once what requests still bring.
package decisionlog
