package protect

import (
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/protect/output"
)

// watchOutput puts the look at messages on a handshake's socket. It is registered before what decrypts them, and so sees of the back end's what
// the client will.
func (h *Handler) watchOutput(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	s := h.output.Socket(r)
	if s == nil {
		return w, r
	}
	w, r, tap := wsframe.Attach(w, r)
	tap.OnMessage(s.Message)
	return w, r
}

const (
	toldEvery = time.Minute // the same of one route is told once in so long: a list that holds it is asked for again and again
	mostTold  = 4096
)

// told remembers what events have told of.
type told struct {
	mu  sync.Mutex
	at  map[string]time.Time
	now func() time.Time
}

// first tells whether an event has not told of it lately.
func (t *told) first(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if at, ok := t.at[what]; ok && now.Sub(at) < toldEvery {
		return false
	}
	if t.at == nil || len(t.at) >= mostTold { // some are told twice, then
		t.at = map[string]time.Time{}
	}
	t.at[what] = now
	return true
}

// tellOutput counts what was done to an answer or a message, and writes an event of what was found or withheld. It holds nothing of either.
func (h *Handler) tellOutput(r *http.Request, o output.Outcome) {
	for _, result := range []string{o.Replaced, o.Refused} {
		if result != "" {
			outputs.WithLabelValues(result).Inc()
		}
	}
	for _, f := range o.Found {
		detections.WithLabelValues(f.Kind.String(), f.Action).Add(float64(f.Count))
	}
	rc := reqctx.From(r.Context())
	if rc == nil {
		return
	}
	if o.Replaced != "" {
		h.logger.Warn("an answer of the back end was replaced", zap.String("for", o.Replaced), zap.Int("status", o.Status), zap.String("route", rc.Route), zap.String("request_id", rc.ID))
	}
	if h.ground == nil || o.Refused == "" && len(o.Found) == 0 || !h.told.first(about(r, rc, o)) {
		return
	}
	h.ground.Events.Emit(outputEvent(r, rc, o))
}

// about is what makes two outcomes the same for an event.
func about(r *http.Request, rc *reqctx.Request, o output.Outcome) string {
	s := r.Method + " " + rc.Route + "\x00" + o.Refused
	for _, f := range o.Found {
		s += "\x00" + f.Kind.String() + " " + f.Action
	}
	return s
}

func outputEvent(r *http.Request, rc *reqctx.Request, o output.Outcome) *event.Event {
	e := &event.Event{
		Category: "web", Action: "data-detected", Outcome: event.Success, Reason: "a back end sent what is looked for",
		Method: r.Method, Host: route.Hostname(r.Host), Path: redact.Path(r.URL.EscapedPath(), rc.Route), Route: rc.Route, Status: o.Status,
	}
	if o.Refused != "" {
		e.Action, e.Outcome, e.Reason = "answer-withheld", event.Failure, "what a back end sent was not passed on"
		e.Fields = append(e.Fields, zap.String("gateway.output.refused", o.Refused))
	}
	e.About(rc)
	var kinds, actions, pointers []string
	count := 0
	for _, f := range o.Found {
		kinds, actions = append(kinds, f.Kind.String()), append(actions, f.Action)
		pointers = append(pointers, f.Pointers...)
		count += f.Count
	}
	if count > 0 {
		e.Fields = append(e.Fields, zap.Strings("gateway.output.kinds", kinds), zap.Strings("gateway.output.actions", actions), zap.Strings("gateway.output.pointers", pointers),
			zap.Int("gateway.output.count", count), zap.Bool("gateway.output.message", o.Message))
	}
	return e
}
