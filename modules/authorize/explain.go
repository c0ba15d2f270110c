package authorize

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// explainer is the app gw_policy as far as it explains decisions to operators.
type explainer interface {
	OnExplain(handler string, resolve func(r *http.Request, direction string, message []byte) (in engine.Input, listed bool, err error))
}

// explain gives what the handler would ask the policy about a request or, with a direction ("in", "out"), about a message on the socket that it
// opens. An error says why it would not ask.
func (h *Handler) explain(r *http.Request, direction string, message []byte) (in engine.Input, listed bool, err error) {
	rt, segs, err := h.route(r)
	if err != nil {
		return in, false, err
	}
	listed = rt.name != ""
	body, err := whole(r, rt.body)
	if err != nil {
		return in, listed, err
	}
	if in, err = input(r, reqctx.From(r.Context()), rt, segs, rt.vars(segs, &body)); err != nil {
		return in, listed, err
	}
	in.Body, in.Truncated = body.value, body.truncated
	if direction != "" {
		err = rt.socket.explain(&in, direction, message)
	}
	return in, listed, err
}

// whole reads the body for the policy as bodies.take does. It waits for no room: who may ask for explanations is trusted not to flood.
func whole(r *http.Request, limit int64) (s sent, err error) {
	if limit == 0 || r.Body == nil {
		return s, nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil || len(text) == 0 {
		return s, err
	}
	if err := checkType(r.Header); err != nil {
		return s, err
	}
	if s.truncated = int64(len(text)) > limit; s.truncated {
		return s, nil
	}
	return s, s.parse(text, limit)
}

// explain makes of the input of a handshake that of a message.
func (s *socket) explain(in *engine.Input, direction string, text []byte) error {
	in.Permission, in.Resource, in.Parent, in.Target, in.Body, in.Truncated = "", engine.Object{}, engine.Object{}, "", nil, false
	in.Message = &engine.Message{Direction: direction}
	if s == nil { // messages are not told apart
		if direction != "in" {
			return errors.New("without a socket block messages of the back end pass unasked")
		}
		return anyMessage.rule.fill(in, nil)
	}
	doc, kind, err := s.read(text)
	if err != nil {
		return fmt.Errorf("the message can't be read: %w", err)
	}
	in.Message.Type = kind
	rule := s.in[kind]
	if direction == "out" {
		rule = s.out[kind]
	}
	switch {
	case direction == "out" && s.pass[kind], rule != nil && rule.rule.permission == "":
		return fmt.Errorf("messages of the type %q pass unasked", kind)
	case rule == nil && direction == "out":
		return fmt.Errorf("messages of the type %q are left out: no rule lists it", kind)
	case rule == nil:
		return fmt.Errorf("messages of the type %q close the socket: no rule lists it", kind)
	}
	if err := rule.rule.fill(in, members(doc)); err != nil || rule.body == 0 {
		return err
	}
	var body sent
	if in.Truncated = int64(len(text)) > rule.body; in.Truncated {
		return nil
	}
	err = body.parse(text, rule.body)
	in.Body, in.Truncated = body.value, body.truncated
	return err
}
