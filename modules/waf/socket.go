package waf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// Which messages on sockets are inspected.
const (
	In   = "in"   // what clients send
	Both = "both" // also what the back end sends, by the rules for answers
)

// Sockets says which messages are inspected, and what happens to binary ones.
type Sockets struct {
	// "in" (default), "both" or "off".
	Inspect string `json:"inspect,omitempty"`

	// Binary messages that are no text: "pass" (default) or "reject". Those that are text are inspected as text.
	Binary string `json:"binary,omitempty"`
}

func (o *Sockets) filled() *Sockets {
	f := new(Sockets)
	if o != nil {
		*f = *o
	}
	if f.Inspect == "" {
		f.Inspect = In
	}
	if f.Binary == "" {
		f.Binary = Pass
	}
	return f
}

func (o *Sockets) validate() error {
	switch {
	case o == nil:
	case !slices.Contains([]string{In, Both, Off, ""}, o.Inspect):
		return fmt.Errorf("sockets %q: it is in, both or off", o.Inspect)
	case !slices.Contains([]string{Pass, Reject, ""}, o.Binary):
		return fmt.Errorf("sockets: binary %q: it is pass or reject", o.Binary)
	}
	return nil
}

// The reasons of a close, as far as a client is told.
var (
	errMessage     = &wsframe.Close{Code: wsframe.CodePolicy, Reason: "message refused"}
	errMessageLong = &wsframe.Close{Code: wsframe.CodeTooBig, Reason: "message too big"}
	errMessageRoom = &wsframe.Close{Code: wsframe.CodeTryLater, Reason: "overloaded"}
	errBinary      = &wsframe.Close{Code: wsframe.CodeUnsupported, Reason: "no binary messages"}
	errLeak        = &wsframe.Close{Code: wsframe.CodeInternal, Reason: "internal error"}
)

// socket inspects the messages of one socket.
type socket struct {
	h      *Handler
	r      *http.Request // the handshake
	rc     *reqctx.Request
	answer *response // of the messages of the back end, which come one at a time

	mu      sync.Mutex
	verdict *reqctx.Verdict // of all messages that rules matched, nil: none
}

// watch puts the rules on a handshake's socket; the socket is nil where it is none. Whoever calls it calls end when the next handler has returned.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, rc *reqctx.Request) (http.ResponseWriter, *http.Request, *socket) {
	if h.Sockets.Inspect == Off || !wsframe.IsHandshake(r) {
		return w, r, nil
	}
	w, r, tap := wsframe.Attach(w, r)
	s := &socket{h: h, r: r, rc: rc}
	tap.OnMessage(s.message)
	return w, r, s
}

func (s *socket) message(ctx context.Context, m *wsframe.Message) error {
	if m.Binary && !utf8.Valid(m.Data) {
		if m.Dir == wsframe.In && s.h.Sockets.Binary == Reject {
			messages.WithLabelValues(refused).Inc()
			return errBinary
		}
		return nil // its bytes are a file's; its length is the tap's affair
	}
	if m.Dir == wsframe.In {
		return s.in(ctx, m.Data)
	}
	if s.h.Sockets.Inspect == Both && !s.h.Responses.Off {
		return s.out(m.Data)
	}
	return nil
}

// detached is the context of a message: it ends with the socket, and knows nothing of the handshake.
type detached struct{ context.Context }

func (detached) Value(any) any { return nil }

// in inspects a message of the client, as the body of a POST to the socket's path.
func (s *socket) in(ctx context.Context, data []byte) error {
	path, _, _ := strings.Cut(requestURI(s.r), "?")
	r, err := messageRequest(path, s.r.Host, data)
	if err != nil {
		return err // closed with 1011
	}
	r.RemoteAddr = s.r.RemoteAddr
	rc := &reqctx.Request{ID: s.rc.ID, Client: s.rc.Client}
	x := s.h.inspect(nil, r.WithContext(detached{ctx}), rc)
	defer x.end()
	messages.WithLabelValues(x.label).Inc()
	if x.tx != nil {
		s.note(rc.Verdict)
	}
	if s.h.Mode == Detect {
		return nil // also what could not be inspected: it fails open
	}
	if x.label == blocked {
		s.h.attacked(s.rc)
	}
	return closing(x)
}

// closing is what ends the socket for a message, nil where it may pass.
func closing(x *exchange) error {
	switch {
	case x.status == 0:
		return nil
	case x.label == failed:
		return fmt.Errorf("inspecting a message: %w", x.err) // fail closed, with 1011
	case x.label == refused && x.status == http.StatusServiceUnavailable:
		return errMessageRoom
	case x.status == http.StatusRequestEntityTooLarge:
		return errMessageLong
	}
	return errMessage
}

// closeCode is the code that the socket is closed with, 0 where it stays open.
func closeCode(err error) int {
	var c *wsframe.Close
	switch {
	case err == nil:
		return 0
	case errors.As(err, &c):
		return int(c.Code)
	}
	return wsframe.CodeInternal
}

// out inspects a message of the back end by the rules for answers.
func (s *socket) out(data []byte) error {
	if s.answer == nil {
		s.answer = &response{
			h: s.h, r: s.r.WithContext(detached{s.r.Context()}), rc: s.rc, status: http.StatusOK, origin: true,
			kept: http.Header{"Content-Type": {"text/plain"}}, // JSON or not, its texts are read without escapes
		}
	}
	a := s.answer
	a.finding = finding{}
	text := data
	if first, _ := firstByte(data); first == '{' || first == '[' {
		text = unescape(data)
	}
	leak, err := a.windows(text)
	label := passed
	switch {
	case err != nil && overloaded(err):
		label = refused
	case err != nil:
		label = failed
	case leak && s.h.Mode == Block:
		label = blocked
	case len(a.finding.Rules) > 0:
		label = detected
	}
	messages.WithLabelValues(label).Inc()
	if len(a.finding.Rules) > 0 {
		countRules(a.finding.Rules, s.h.rules.ids)
		v := &a.finding.Verdict
		if label == blocked {
			v.Response = reqctx.ResponseEnded
		}
		s.note(v)
	}
	if s.h.Mode == Detect {
		return nil
	}
	switch label {
	case refused:
		return errMessageRoom
	case failed:
		return fmt.Errorf("inspecting a message of the back end: %w", err)
	case blocked:
		return errLeak
	}
	return nil
}

// windows runs the rules over a text of any length, as over an answer that is watched.
func (a *response) windows(text []byte) (leak bool, err error) {
	for size := int(a.h.Responses.Limit); ; {
		part := text[:min(len(text), size)]
		stop, err := a.rules(part)
		if err != nil || stop != nil || len(part) == len(text) {
			return stop != nil, err
		}
		text = text[size-min(overlap, size/2):]
	}
}

// note adds a message's verdict to the socket's.
func (s *socket) note(v *reqctx.Verdict) {
	if v == nil || len(v.Rules) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict == nil {
		s.verdict = new(reqctx.Verdict)
	}
	merge(s.verdict, v)
}

// merge adds what another inspection of the same request or socket found.
func merge(to, v *reqctx.Verdict) {
	to.Blocked = to.Blocked || v.Blocked
	to.Score, to.Detection, to.Outbound = max(to.Score, v.Score), max(to.Detection, v.Detection), max(to.Outbound, v.Outbound)
	to.Paranoia, to.DetectionParanoia = max(to.Paranoia, v.Paranoia), max(to.DetectionParanoia, v.DetectionParanoia)
	if v.Response != "" {
		to.Response = v.Response
	}
	for _, id := range v.Rules {
		if len(to.Rules) < maxRules && !slices.Contains(to.Rules, id) {
			to.Rules = append(to.Rules, id)
		}
	}
	for _, m := range v.Matches {
		if len(to.Matches) < maxRules && !slices.ContainsFunc(to.Matches, func(o reqctx.Match) bool { return o.Rule == m.Rule }) {
			to.Matches = append(to.Matches, m)
		}
	}
}

// end leaves the verdict on the request, for the socket's event. What closed the socket has been noted by then.
func (s *socket) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verdict == nil {
		return
	}
	v := new(reqctx.Verdict)
	if s.rc.Verdict != nil {
		merge(v, s.rc.Verdict)
	}
	merge(v, s.verdict)
	s.rc.Verdict = v
}
