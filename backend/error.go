package backend

import "fmt"

// Code says what kind of error it is; package http turns it into a status.
type Code string

const (
	Invalid  Code = "invalid"   // what was asked makes no sense as it stands: 422
	NotFound Code = "not-found" // there is no such thing: 404
)

// Error is an error whose title the client may read. Every other error is the inside's own business.
type Error struct {
	Code  Code
	Title string
}

func (e *Error) Error() string { return e.Title }

func invalid(format string, args ...any) error {
	return &Error{Code: Invalid, Title: fmt.Sprintf(format, args...)}
}

// Missing says that a thing ("room", "message", "file") is not there.
func Missing(thing string) error {
	return &Error{Code: NotFound, Title: "There is no such " + thing}
}
