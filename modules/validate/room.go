package validate

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/internal/gate"
)

const (
	valueMemory = 192      // bytes that a value takes while it is checked, with what its list has to spare
	fewBytes    = 16 << 10 // bodies and messages up to here take no room of their own: a connection's buffers take as much
	fewValues   = 256
	roomWait    = 2 * time.Second // that a request waits for room
)

// room bounds what bodies take of memory, all together and for each client.
type room struct {
	text   *gate.Gate // weighs bytes: held until the next handler has the body
	values *gate.Gate // weighs values: held while they are checked
}

func newRoom(memory int64) *room { return &room{gate.New(memory), gate.New(memory)} }

// forText takes room for so many bytes. leave must be called, once.
func (r *room) forText(ctx context.Context, caller string, bytes int64) (leave func(), err error) {
	return enter(ctx, r.text, caller, bytes, fewBytes)
}

// forValues takes room for reading a text.
func (r *room) forValues(ctx context.Context, caller string, text []byte) (leave func(), err error) {
	return enter(ctx, r.values, caller, valuesIn(text)*valueMemory, fewValues*valueMemory)
}

func enter(ctx context.Context, g *gate.Gate, caller string, weight, few int64) (leave func(), err error) {
	if weight <= few {
		return func() {}, nil
	}
	seat, err := g.Enter(ctx, caller, weight, roomWait)
	if err != nil {
		return nil, err
	}
	return seat.Leave, nil
}

// valuesIn is the most values that JSON of that text can hold: every one but the first follows a comma, a colon or a bracket.
func valuesIn(text []byte) int64 {
	n := int64(1)
	for _, c := range text {
		switch c {
		case ',', ':', '[', '{':
			n++
		}
	}
	return n
}
