// Package keyset holds the keys of what the gateway encrypts for the back end: one Tink key set for each tenant or room, wrapped by a master
// key (package master) in the database, and a bounded number of them open in memory.
//
// A key set holds versions, HKDF-SHA256 keys in Tink's own form. Each field has a key of its own, derived from a version for the field's name.
// The newest version encrypts, all decrypt. A key for blind indexes is made with the set and never replaced.
//
// A set that is in memory costs neither a lock nor the database. Rotating, disabling and destroying reach every gateway by the change feed, within a
// second. While the feed is cut off, the database is asked each time, and where it is down nothing is encrypted or decrypted (fail closed).
package keyset
