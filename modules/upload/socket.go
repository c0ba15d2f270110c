package upload

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/upload/inspect"
)

// The reasons of a close, as far as a client is told.
var (
	errMessage = &wsframe.Close{Code: wsframe.CodePolicy, Reason: "message refused"}
	errLater   = &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "messages can't be scanned"}
)

// watch looks at the messages of a handshake's socket.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, rules *rule) (http.ResponseWriter, *http.Request) {
	w, r, tap := wsframe.Attach(w, r)
	s := &socket{h: h, rules: rules, r: r, rc: reqctx.From(r.Context())}
	tap.OnMessage(s.message)
	return w, r
}

// socket is one whose messages are looked at.
type socket struct {
	h     *Handler
	rules *rule
	r     *http.Request // the handshake
	rc    *reqctx.Request
}

// message looks at what the client sends: what is binary as a file without a name, what is text with the scanner's eyes alone, since texts
// hold markup and code that nobody runs.
func (s *socket) message(ctx context.Context, m *wsframe.Message) error {
	if m.Dir != wsframe.In || len(m.Data) == 0 || !m.Binary && s.h.Sockets != All {
		return nil
	}
	defer s.h.ground.Hold()()
	v, err := s.look(ctx, m)
	result := passed
	block := s.h.Mode == Block
	switch {
	case err != nil:
		result = failed
		s.h.failed(err, "looking at a message", s.rc)
	case v.refuses && block:
		result = refused
		id := s.h.keep(ctx, s.rc, v, "", bytes.NewReader(m.Data), int64(len(m.Data)))
		if v.signature != "" {
			s.h.attacked(s.rc)
		}
		s.h.tell(s.r, s.rc, "upload-refused", v, id, int64(len(m.Data)))
	case len(v.rules) > 0:
		result = reported
		s.h.tell(s.r, s.rc, "upload-reported", v, "", int64(len(m.Data)))
	}
	uploads.WithLabelValues(messageKind, result).Inc()
	for _, f := range v.rules {
		found.WithLabelValues(f).Inc()
	}
	switch {
	case !block:
		return nil // it fails open, as mode report does
	case err != nil && noRoom(err):
		return errLater
	case err != nil:
		return err // closed with 1011
	case result == refused:
		return errMessage
	}
	if len(v.patches) == 0 {
		return nil
	}
	stripped := make([]byte, len(m.Data))
	if _, err := inspect.Patched(bytes.NewReader(m.Data), v.patches).ReadAt(stripped, 0); err != nil {
		return fmt.Errorf("taking out where a picture was made: %w", err) // closed with 1011
	}
	m.Data = stripped
	return nil
}

func (s *socket) look(ctx context.Context, m *wsframe.Message) (v finding, err error) {
	seat, err := looks().Enter(ctx, s.rc.Caller(s.r), 1, lookPatience)
	if err != nil {
		return v, err
	}
	defer seat.Leave()
	f := file{client: s.rc.Caller(s.r), content: bytes.NewReader(m.Data), size: int64(len(m.Data))}
	if m.Binary {
		return s.h.judge(ctx, s.rules, f)
	}
	if err := s.h.scan(ctx, s.rules, f, &v); err != nil || !v.refuses {
		return v, err
	}
	return v, s.h.pardon(ctx, f, &v)
}
