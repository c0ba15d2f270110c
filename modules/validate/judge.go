package validate

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

// judge counts and records what was found of a request, and answers it where it may not pass.
func (h *Handler) judge(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, found []openapi.Fault) (ok bool) {
	if len(found) == 0 {
		requests.WithLabelValues(passed).Inc()
		return true
	}
	countFaults(found)
	record(rc, found)
	if h.Requests != Enforce {
		requests.WithLabelValues(reported).Inc()
		return true
	}
	requests.WithLabelValues(refused).Inc()
	status := statusOf(found[0])
	p := problem.Problem{Status: status}
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		p.Extra = map[string]any{"errors": told(found)}
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "identity") // RFC 7694
	}
	problem.Write(w, r, p)
	return false
}

// statusOf is the answer to a request of which this is the first thing that is wrong.
func statusOf(f openapi.Fault) int {
	switch {
	case f.Kind == kindMethod:
		return http.StatusMethodNotAllowed
	case f.Kind == kindMedia:
		return http.StatusUnsupportedMediaType
	case f.Kind == kindSize:
		return http.StatusRequestEntityTooLarge
	case f.Kind == kindSyntax, f.In == openapi.InPath && f.Kind == kindAmbiguous:
		return http.StatusBadRequest
	case f.In == openapi.InPath: // no such path, or a variable that can't name anything
		return http.StatusNotFound
	}
	return http.StatusUnprocessableEntity
}

// mistake is a fault as its sender is told: where, and why, never the value.
type mistake struct {
	Pointer   *string `json:"pointer,omitempty"`
	Parameter string  `json:"parameter,omitempty"`
	In        string  `json:"in,omitempty"` // of a parameter
	Reason    string  `json:"reason"`
}

func told(found []openapi.Fault) []mistake {
	all := make([]mistake, len(found))
	for i := range found {
		f := &found[i]
		all[i].Reason = f.Reason
		if f.In < openapi.InBody {
			all[i].Parameter, all[i].In = f.Pointer, f.In.String()
		} else {
			all[i].Pointer = &f.Pointer
		}
	}
	return all
}

// mostRecorded bounds what an event tells of one request or socket.
const mostRecorded = 8

// record leaves what was found for the request's event: places as the schema names them, and its own words.
func record(rc *reqctx.Request, found []openapi.Fault) {
	for _, f := range found {
		if len(rc.Invalid) >= mostRecorded {
			return
		}
		rc.Invalid = append(rc.Invalid, reqctx.Invalid{In: f.In.String(), Place: f.Place, Reason: f.Reason})
	}
}

// unread answers a request whose body could not be read, or for which there is no room.
func (h *Handler) unread(w http.ResponseWriter, r *http.Request, err error) {
	var told caddyhttp.HandlerError // by gw_client
	var large *http.MaxBytesError   // by Caddy's request_body
	var timeout net.Error
	p := problem.Problem{Status: http.StatusBadRequest} // broken chunks, a body shorter than announced, a client that went away
	result := refused
	switch {
	case errors.Is(err, gate.ErrBusy), errors.Is(err, gate.ErrClient):
		p, result = problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: roomWait}, unavailable
	case errors.As(err, &told) && told.StatusCode >= 400 && told.StatusCode < 500:
		p.Status = told.StatusCode
	case errors.As(err, &large):
		p.Status = http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		p.Status = http.StatusRequestTimeout
	}
	requests.WithLabelValues(result).Inc()
	problem.Write(w, r, p)
}

// of makes faults of one.
func of(f *openapi.Fault) []openapi.Fault {
	if f == nil {
		return nil
	}
	return []openapi.Fault{*f}
}
