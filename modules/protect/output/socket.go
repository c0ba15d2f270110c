package output

import (
	"context"
	"errors"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// Socket looks through the messages of one socket that the back end sends.
type Socket struct {
	f    *Filter
	r    *http.Request // the handshake
	look *look
	out  []byte
}

// Socket is nil where nothing is to be done with the messages of a handshake's socket.
func (f *Filter) Socket(r *http.Request) *Socket {
	r, rc := reqctx.Ensure(r)
	l := f.look(r, rc)
	if l == nil && f.options.Escape != HTML {
		return nil
	}
	if l != nil {
		l.hard = true // JSON is to be complete: a message that is none is a text
	}
	return &Socket{f: f, r: r, look: l}
}

// Message is a hook of the socket's tap. What is found in binary messages is not changed: they are looked through as a text, and only where they are one.
func (s *Socket) Message(_ context.Context, m *wsframe.Message) error {
	if m.Dir != wsframe.Out || s.look == nil && !unsafe(m.Data) {
		return nil
	}
	if s.look != nil {
		s.look.found, s.look.count = s.look.found[:0:0], 0
	}
	out, altered, err := s.through(m)
	if s.look != nil && (err != nil || len(s.look.found) > 0) && s.f.tell != nil {
		o := Outcome{Message: true, Found: s.look.found}
		if err != nil {
			o.Refused = refusedDetected
		}
		s.f.tell(s.r, o)
	}
	if errors.Is(err, errDetected) {
		return wsframe.Drop // the socket stays: one message must not cut off everybody who would get it
	}
	if err != nil {
		return err
	}
	if altered {
		m.Data, s.out = out, out
	}
	return nil
}

func (s *Socket) through(m *wsframe.Message) ([]byte, bool, error) {
	var through sieve
	switch {
	case looksJSON(m.Data) && s.look == nil:
		through = &markup{}
	case looksJSON(m.Data):
		through = newInspector(s.look, s.f.options.Escape == HTML)
	case s.look != nil:
		through = &plain{window: window{look: s.look}}
	default:
		return nil, false, nil
	}
	out, err := through.write(s.out[:0], m.Data)
	if err == nil {
		out, err = through.close(out)
	}
	if errors.Is(err, errBroken) { // it only looks like JSON
		s.look.found, s.look.count = nil, 0
		text := &plain{window: window{look: s.look}}
		if out, err = text.write(s.out[:0], m.Data); err == nil {
			out, err = text.close(out)
		}
		through = text
	}
	return out, through.altered(), err
}
