package ship

import (
	"context"
	"fmt"
	"time"
)

// Message is an event as a receiver gets it.
type Message struct {
	ID     string // event.id
	Action string
	Time   time.Time
	Level  Level
	Body   []byte // in the output's format, one line without its end
	event  *flat
}

// Sender gives events to one receiver.
type Sender interface {
	// Send returns when the receiver has taken all of the batch. Errors: Refused, Later; any other is as Later without a time.
	Send(ctx context.Context, batch []Message) error
	// Close lets go of connections. A Send that is under way fails.
	Close() error
}

// Refused is of what the receiver will never take.
type Refused struct {
	Err error
	// How many of the batch it names as refused, having taken all others; 0: it took none.
	Some int
}

func (r Refused) Error() string { return fmt.Sprintf("the receiver refuses it: %v", r.Err) }

// Unwrap gives what the receiver answered.
func (r Refused) Unwrap() error { return r.Err }

// Later is of a receiver that names the time of the next try.
type Later struct {
	Err  error
	Wait time.Duration
}

func (l Later) Error() string { return l.Err.Error() }

// Unwrap gives what the receiver answered.
func (l Later) Unwrap() error { return l.Err }

// NewMessage is one that is no event of the bus.
func NewMessage(id, action string, at time.Time, level Level, body []byte) Message {
	return Message{ID: id, Action: action, Time: at, Level: min(level, Critical), Body: body, event: new(flat)}
}
