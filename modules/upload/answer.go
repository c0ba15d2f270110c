package upload

import (
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/upload/inspect"
)

// statuses of findings that are not 422.
var statuses = map[string]int{
	tooLarge: http.StatusRequestEntityTooLarge, tooMany: http.StatusRequestEntityTooLarge, unscanned: http.StatusRequestEntityTooLarge,
	notForm: http.StatusUnsupportedMediaType, encoded: http.StatusUnsupportedMediaType, partial: http.StatusUnsupportedMediaType, badType: http.StatusUnsupportedMediaType,
	string(inspect.NameType): http.StatusUnsupportedMediaType, string(inspect.DeclaredType): http.StatusUnsupportedMediaType,
	string(inspect.TypeDenied): http.StatusUnsupportedMediaType, string(inspect.ArchiveKind): http.StatusUnsupportedMediaType,
}

// refusal is the status for what was found: that of the gravest finding, which is the one with 422.
func refusal(v finding) int {
	status := 0
	for _, f := range v.rules {
		s, ok := statuses[f]
		if !ok {
			return http.StatusUnprocessableEntity
		}
		status = max(status, s)
	}
	return status
}

// statusOf is the answer to an upload of which nothing is known.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errSlow):
		return http.StatusRequestTimeout
	case noRoom(err):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// retryAfter is when an upload may pass that nothing was wrong with.
const retryAfter = 10 * time.Second

// answer refuses the request. It names what was found in fixed words, and says nothing of the file, nor which signature a scanner knows.
func (x *exchange) answer(status int, v finding, number int) {
	p := problem.Problem{Status: status}
	if len(v.rules) > 0 {
		p.Type, p.Title = "upload-refused", "This upload is refused"
		p.Extra = map[string]any{"findings": unique(v.rules)}
		if number > 0 {
			p.Extra["file"] = number
		}
	}
	if status == http.StatusServiceUnavailable {
		p.RetryAfter = retryAfter
	}
	if x.cut && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close") // the rest of the body is still on it
		drain(x.w, x.r)
	}
	problem.Write(x.w, x.r, p)
}

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// drain reads a little of a body that is refused, for a little while: who is still sending when the connection closes may never see the answer.
func drain(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainFor)) // not every server can; then it is bounded by length
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
}

const (
	drainFor   = 500 * time.Millisecond
	drainBytes = 256 << 10
)

// tell emits the event of an upload in which something was found, and of its quarantine.
func (h *Handler) tell(r *http.Request, rc *reqctx.Request, action string, v finding, id string, size int64) {
	e := h.event(r, rc)
	e.Action, e.Outcome, e.Reason = action, event.Failure, "an upload was refused"
	if action == "upload-reported" {
		e.Outcome, e.Reason = event.Success, "something was found in an upload that passed"
	}
	if v.signature != "" {
		e.Category, e.Reason = "malware", "the scanner found something in an upload"
	}
	add := func(k, s string) {
		if s != "" {
			e.Fields = append(e.Fields, zap.String(k, s))
		}
	}
	e.Fields = append(e.Fields, zap.Strings("gateway.upload.findings", unique(v.rules)), zap.Int64("gateway.upload.size", size))
	add("gateway.upload.type", v.kind)
	add("gateway.upload.signature", v.signature)
	add("gateway.upload.sha256", v.sum)
	h.emit(e)
	if id == "" {
		return
	}
	q := h.event(r, rc)
	q.Action, q.Outcome, q.Reason = "upload-quarantined", event.Success, "a refused upload is kept in quarantine"
	q.Fields = append(q.Fields, zap.String("gateway.upload.quarantine", id))
	h.emit(q)
}

// event has what all events of a request share.
func (h *Handler) event(r *http.Request, rc *reqctx.Request) *event.Event {
	e := &event.Event{
		Time: time.Now(), Category: "web", Method: r.Method, Path: redact.Path(r.URL.EscapedPath(), rc.Route), UserAgent: r.UserAgent(),
	}
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		e.Host = name
	} else {
		e.Host = r.Host
	}
	return e.About(rc)
}

func (h *Handler) emit(e *event.Event) {
	if h.ground != nil {
		h.ground.Events.Emit(e)
	}
}
