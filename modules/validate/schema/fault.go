package schema

import (
	"strconv"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Kind is what sort of fault it is.
type Kind string

// Kinds of faults.
const (
	Type    Kind = "type"    // another type than the schema has
	Value   Kind = "value"   // not one of the values that it allows
	Missing Kind = "missing" // a member that must be there
	Unknown Kind = "unknown" // a member that the schema does not have
	Complex Kind = "complex" // it takes too long to tell
)

// Fault is one thing that is wrong with a value. It never holds any of the value.
type Fault struct {
	Kind    Kind
	Pointer string // where, a JSON pointer (RFC 6901). Names in it may be the sender's: for them alone
	Place   string // the same with * for items and for members that the schema does not name: fit for records
	Reason  string // for people; made of the schema's own words
}

// place is the way to a value, from the inside out.
type place struct {
	up    *place
	name  string
	index int  // where up is an array
	known bool // the schema names the member
	array bool
}

// longestPointer bounds what is written of one.
const longestPointer = 256

func (p *place) pointer() string { return string(cut(p.append(nil))) }

func (p *place) append(to []byte) []byte {
	if p == nil {
		return to
	}
	to = p.up.append(to)
	if p.array {
		return strconv.AppendInt(append(to, '/'), int64(p.index), 10)
	}
	return strictjson.AppendToken(to, p.name)
}

func (p *place) record() string { return string(cut(p.appendRecord(nil))) }

func (p *place) appendRecord(to []byte) []byte {
	if p == nil {
		return to
	}
	to = p.up.appendRecord(to)
	if p.array || !p.known {
		return append(to, "/*"...)
	}
	return strictjson.AppendToken(to, p.name)
}

func cut(b []byte) []byte {
	if len(b) > longestPointer {
		return append(b[:longestPointer], "…"...)
	}
	return b
}
