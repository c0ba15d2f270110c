// Package quarantine keeps uploads that were refused, so that an operator can look at them and release those that were refused wrongly.
//
// What a file holds lies on the disk of the gateway that refused it, encrypted under a key of its own, which the key ring seals in the database
// beside the file's name. So whoever has the disk or the database alone reads neither, and a key that is gone takes its file along. Everything
// else is in the database, which the gateways of a fleet share. Room and time are bounded.
//
// To release a file means that its SHA-256 is allowed from then on, in the whole fleet: whoever sent it can send it again.
package quarantine
