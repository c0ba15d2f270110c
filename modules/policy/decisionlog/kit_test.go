package decisionlog

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func compile(t testing.TB, rego, masks string) *engine.Snapshot {
	t.Helper()
	src := &engine.Source{Modules: map[string]string{"p.rego": "package gateway\n\n" + rego + "\n"}, Data: map[string]any{}}
	if masks != "" {
		src.Modules["log.rego"] = "package system.log\n\n" + masks + "\n"
	}
	s, err := engine.Compile(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sink keeps events, as they are written.
type sink struct {
	mu   sync.Mutex
	list []map[string]any
}

func (s *sink) emit(e *event.Event) {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{})
	line, err := enc.EncodeEntry(zapcore.Entry{}, []zapcore.Field{{Type: zapcore.InlineMarshalerType, Interface: e}})
	if err != nil {
		panic(err)
	}
	var m map[string]any
	if err := json.Unmarshal(line.Bytes(), &m); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, m)
}

func (s *sink) events() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// logged puts the entries into a log of these options, and returns what it wrote.
func loggedWith(t testing.TB, o Options, s *engine.Snapshot, entries ...Entry) []map[string]any {
	t.Helper()
	var to sink
	o.Emit, o.Snapshot = to.emit, func() *engine.Snapshot { return s }
	if o.What == "" {
		o.What = All
	}
	l := Open(o)
	for _, e := range entries {
		l.Put(e)
	}
	l.Close()
	return to.events()
}

var at = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

func entry(s *engine.Snapshot) Entry {
	in := engine.Input{
		RequestID: "R1", Method: "DELETE", Path: "/api/rooms/x/messages/1", Route: "DELETE /api/rooms/{room}/messages/{id}", Host: "chat.example.com",
		Permission: "message:delete", Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.7")},
		Resource: engine.Object{Type: "message", ID: "1"}, Relations: []string{"author"},
		Identity: &reqctx.Identity{Subject: "id-1", Name: "ursula", Roles: []string{"user"}, Session: "s1"},
	}
	return Entry{Time: at, Input: in, Took: 42 * time.Microsecond, Decision: engine.Decision{
		Allow: true, Reason: "author", Revision: s.Revision, Parent: engine.Object{Type: "room", ID: "x"}, Obligations: engine.Obligations{Tier: "standard"},
	}}
}

// full asks for the whole input.
func full(e Entry) Entry {
	e.Decision.Obligations.Log = engine.LogFull
	return e
}

const allows = `decision := {"allow": true, "reason": "author"}`
