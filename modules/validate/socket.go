package validate

import (
	"bytes"
	"context"
	"net/http"
	"sync"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

// socket holds the messages of one socket to the document.
type socket struct {
	h      *Handler
	rc     *reqctx.Request
	caller string
	rules  *openapi.Socket // nil: none are described

	mu    sync.Mutex // the two directions run beside each other
	found []openapi.Fault
}

// watch looks at the messages of the socket that a handshake opens.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, op *openapi.Operation) (http.ResponseWriter, *http.Request, *socket) {
	if h.MessagesIn == Off && h.MessagesOut == Off {
		return w, r, nil
	}
	w, r, tap := wsframe.Attach(w, r)
	s := &socket{h: h, rc: rc, caller: rc.Caller(r)}
	if op != nil {
		s.rules = op.Socket
	}
	tap.OnMessage(s.message)
	return w, r, s
}

// message is the hook: nil passes a message on.
func (s *socket) message(ctx context.Context, m *wsframe.Message) error {
	mode := s.h.MessagesIn
	if m.Dir == wsframe.Out {
		mode = s.h.MessagesOut
	}
	if mode == Off || m.Dir == wsframe.Out && s.rules == nil {
		return nil
	}
	found, err := s.check(ctx, m)
	if err != nil { // fail closed
		return &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "Temporarily unavailable"}
	}
	direction := m.Dir.String()
	if len(found) == 0 {
		messages.WithLabelValues(direction, passed).Inc()
		return nil
	}
	countFaults(found)
	s.note(found)
	switch mode {
	case Enforce:
		messages.WithLabelValues(direction, refused).Inc()
		return &wsframe.Close{Code: wsframe.CodePolicy, Reason: reason(found[0])}
	case Drop:
		messages.WithLabelValues(direction, dropped).Inc()
		return wsframe.Drop
	}
	messages.WithLabelValues(direction, reported).Inc()
	return nil
}

// check tells what is wrong with a message.
func (s *socket) check(ctx context.Context, m *wsframe.Message) ([]openapi.Fault, error) {
	text := bytes.TrimLeft(m.Data, " \t\r\n")
	if s.rules == nil && (m.Binary || len(text) == 0 || text[0] != '{' && text[0] != '[') {
		return nil, nil // not described, and no JSON
	}
	if m.Binary {
		return []openapi.Fault{fault(openapi.InMessage, kindMedia, "is binary")}, nil
	}
	leave, err := s.h.room.forValues(ctx, s.caller, m.Data)
	if err != nil {
		return nil, err
	}
	defer leave()
	v, f := s.h.read(openapi.InMessage, m.Data)
	switch {
	case f != nil && s.rules == nil && f.Kind == kindSyntax:
		return nil, nil // some other text
	case f != nil:
		return of(f), nil
	case s.rules == nil:
		return nil, nil
	}
	types := s.rules.In
	if m.Dir == wsframe.Out {
		types = s.rules.Out
	}
	return s.rules.Check(types, v), nil
}

// reason is what the client is told: where, and why. Records get the same, so there are no names in it that the client chose.
func reason(f openapi.Fault) string { return "invalid message: " + f.Place + " " + f.Reason }

func (s *socket) note(found []openapi.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.found) < mostRecorded {
		s.found = append(s.found, found...)
	}
}

// end leaves what was found for the socket's event.
func (s *socket) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	record(s.rc, s.found)
}
