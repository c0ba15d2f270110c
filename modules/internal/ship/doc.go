// Package ship carries events to other machines: outputs, each with a format, a receiver and a spool on disk.
//
// An Output is a sink of the event bus. What it takes goes through a short queue in memory into its spool, and from there, in order and in batches, to the
// receiver. An event leaves the spool when the receiver has taken it, so each arrives at least once; event.id tells doubles. What is in the
// spool outlives the process however it ends; a power cut can take the last second, since the disk is made sure of once a second.
//
// Nothing here ever makes a request wait. It fails open: where the queue, the spool or the disk is full, new events are left out, counted, and
// told as the event output-dropped; the spool's are kept.
package ship
