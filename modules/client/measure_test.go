package client

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/measure/measuretest"
)

// A response closes the open sockets of a client, a person or a session, silent ones too, and those that they open then; others stay.
func TestSocketsEndWithAMeasure(t *testing.T) {
	h, _ := banning(t)
	h.ground.Measures = measuretest.Open(t)
	dial := sockets(t, h)
	closed := func(c *websocket.Conn) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "closed by the operator") {
			t.Error(err)
		}
	}
	person, session, client, other := dial("192.0.3.7", "u1"), dial("192.0.3.7", "u2"), dial("192.0.2.7", ""), dial("192.0.3.7", "u3")
	measuretest.Put(t, h.ground.Measures, measure.User, "u1", measure.CloseSockets)
	closed(person)
	measuretest.Put(t, h.ground.Measures, measure.Session, "of-u2", measure.CloseSockets)
	closed(session)
	measuretest.Put(t, h.ground.Measures, measure.Client, "192.0.2.7", measure.CloseSockets)
	closed(client)
	closed(dial("192.0.2.7", "u4"))
	if err := other.Ping(other.CloseRead(t.Context())); err != nil {
		t.Error("another's socket ended:", err)
	}
}
