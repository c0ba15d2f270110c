package protect

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/protect/record"
)

// fault is why a request or an answer does not pass. Its text never holds anything of the document.
type fault struct {
	status int
	word   string // of a few, for metrics and events
	err    error
}

func (f *fault) Error() string { return f.word + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// The words of faults.
const (
	wordToken       = "token"       // the client sent one
	wordInvalid     = "invalid"     // the body can't be read without doubt
	wordErased      = "erased"      // its keys are destroyed
	wordUnavailable = "unavailable" // keys, a decision or a place are missing
	wordForged      = "forged"      // a token does not belong here, or was changed
	wordPlain       = "plain"       // what should be a token is none
	wordAnswer      = "answer"      // the answer is not what the route says
)

const (
	retryAfter = 2 * time.Second
	maxPointer = 256 // bytes that a client is told
)

var errNoDecision = errors.New("nobody has decided on the request: gw_authorize must stand outside")

// refusal says how a request is answered whose document a plan refused.
func refusal(err error) *fault {
	switch {
	case errors.Is(err, record.ErrSent):
		return &fault{http.StatusUnprocessableEntity, wordToken, err}
	case errors.Is(err, record.ErrJSON):
		return &fault{http.StatusBadRequest, wordInvalid, err}
	case errors.Is(err, record.ErrKeys) && erased(err):
		return &fault{http.StatusConflict, wordErased, err}
	case errors.Is(err, record.ErrKeys):
		return &fault{http.StatusServiceUnavailable, wordUnavailable, err}
	}
	return &fault{http.StatusUnprocessableEntity, wordInvalid, err}
}

// withholding says how an answer is replaced that a plan could not open.
func withholding(err error) *fault {
	switch {
	case errors.Is(err, record.ErrPlain):
		return &fault{http.StatusBadGateway, wordPlain, err}
	case errors.Is(err, errRoom), errors.Is(err, record.ErrKeys) && absent(err):
		return &fault{http.StatusServiceUnavailable, wordUnavailable, err}
	case errors.Is(err, record.ErrForged), errors.Is(err, record.ErrKeys):
		return &fault{http.StatusBadGateway, wordForged, err}
	}
	return &fault{http.StatusBadGateway, wordAnswer, err}
}

// reasons are what clients are told of what is wrong where.
var reasons = []struct {
	err    error
	reason string
}{
	{record.ErrSent, "it holds what only the gateway writes"},
	{record.ErrCase, "its name differs from a member's in upper and lower case"},
	{record.ErrShape, "a list or an object stands where the other should be"},
	{record.ErrOwn, "it is for the gateway to make"},
	{record.ErrUnnamed, "what it belongs to is not named"},
}

// refuse answers a request that does not pass.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, route string, f *fault) {
	requests.WithLabelValues(f.word).Inc()
	p := problem.Problem{Status: f.status}
	if f.status == http.StatusServiceUnavailable {
		p.RetryAfter = retryAfter
		h.logger.Error("a request was refused, since a field of it can't be protected", zap.String("route", route), zap.Error(f.err))
	}
	var at *record.Error
	if errors.As(f.err, &at) {
		for _, known := range reasons {
			if errors.Is(at.Err, known.err) {
				p.Extra = map[string]any{"errors": []map[string]string{{"pointer": event.Cut(at.Pointer, maxPointer), "reason": known.reason}}}
			}
		}
	}
	if f.word == wordToken {
		h.tell(r, rc, route, "protect-token-sent", f)
	}
	problem.Write(w, r, p)
}

// tell writes an event.
func (h *Handler) tell(r *http.Request, rc *reqctx.Request, route, action string, f *fault) {
	if h.ground == nil || h.ground.Events == nil {
		return
	}
	e := &event.Event{
		Category: "web", Action: action, Outcome: event.Failure, Reason: words[f.word], Status: f.status,
		Method: r.Method, Route: route, Path: redact.Path(r.URL.Path, route), Host: r.Host,
		Fields: []zap.Field{zap.String("gateway.protect.fault", f.word)},
	}
	h.ground.Events.Emit(e.About(rc))
}

// words are what events say.
var words = map[string]string{
	wordToken:       "the client sent a token of the gateway's",
	wordForged:      "a token of the back end's does not belong where it stands, or was changed",
	wordPlain:       "the back end sent in plaintext what is encrypted",
	wordUnavailable: "the keys can't be used",
	wordAnswer:      "the answer is not what the route says",
}
