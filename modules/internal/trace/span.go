package trace

import "time"

// Kind is what a span stands for.
type Kind uint8

// Kinds, by OpenTelemetry's words.
const (
	Internal Kind = iota
	Server
	Client
)

// Span is a piece of work that has ended. It is never changed once it is handed over.
type Span struct {
	Trace      ID
	ID, Parent SpanID // Parent is zero for the first of a trace
	State      string // tracestate, "" none
	Link       Parent // another trace that has to do with it; zero none
	Name       string // bounded in number
	Kind       Kind
	Start, End time.Time
	Attrs      []Attr
	Failed     bool
	Why        string // of a failure: a word of the code's own, never input
}

// Attr is a key and its value. Neither holds a secret, an address, a user's name, nor what a client wrote, but for paths that redact has cleaned.
type Attr struct {
	Key    string
	Text   string
	Number int64
	Is     Type
}

// Type of an Attr's value.
type Type uint8

// Types.
const (
	IsText Type = iota
	IsNumber
)

// Text is an attribute.
func Text(key, value string) Attr { return Attr{Key: key, Text: value} }

// Number is one, too.
func Number(key string, n int64) Attr { return Attr{Key: key, Number: n, Is: IsNumber} }
