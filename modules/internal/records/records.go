// Package records keeps records in files of a folder: encrypted with the gateway's key ring, and gone after a time or when there are too many.
// Writing is off the request's path; what finds no room is dropped and counted. It is under captures for `convosphere waf replay` and
// `convosphere policy replay`.
package records

import "errors"

// Record is what is kept.
type Record interface {
	Encode() ([]byte, error) // called by the writer's goroutine
	Weight() int64           // bytes that it holds in memory, about; always the same
}

// mostRecord bounds what is written for one record, and what a reader takes for one.
const mostRecord = 8 << 20

var errTooLong = errors.New("the record is too long")

// Sealer encrypts for a place and opens what it encrypted for the same place: the key ring.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}
