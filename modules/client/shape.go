package client

import (
	"net/http"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// refusal is why a request goes no further.
type refusal struct {
	reason  string // the metric's label
	problem problem.Problem
}

// check looks at a request's shape: its method, target and headers. nil: it may pass.
func (h *Handler) check(r *http.Request) *refusal {
	switch {
	case r.Method == http.MethodConnect && wsframe.Upgrading(r): // an extended CONNECT that is no handshake: it would be a GET by now
		return &refusal{"websocket", problem.Problem{
			Status: http.StatusNotImplemented, Type: "extended-connect", // RFC 9220 section 3
			Title: "Streams are opened for WebSockets of version 13 alone",
		}}
	case r.Method == http.MethodConnect, r.Method == http.MethodTrace, r.Method == "PRI":
		// CONNECT makes a tunnel, TRACE shows the back end's view of the request, PRI opens HTTP/2 in an HTTP/1 request.
		return &refusal{"method", problem.Problem{Status: http.StatusMethodNotAllowed}}
	case len(r.RequestURI) > h.MaxURL:
		return &refusal{"url", problem.Problem{Status: http.StatusRequestURITooLong, Type: "url-too-long"}}
	case !cleanPath(r.URL.Path):
		return &refusal{"path", problem.Problem{Status: http.StatusBadRequest, Title: "The path is not valid"}}
	case h.headersTooLarge(r):
		return &refusal{"headers", problem.Problem{Status: http.StatusRequestHeaderFieldsTooLarge}}
	case r.ContentLength > h.MaxBody:
		return &refusal{"body", problem.Problem{Status: http.StatusRequestEntityTooLarge}}
	}
	return nil
}

// cleanPath refuses what is not UTF-8 and the control characters, which logs, policies and back ends read in different ways.
func cleanPath(path string) bool {
	if !utf8.ValidString(path) {
		return false
	}
	for _, c := range path {
		if c < 0x20 || 0x7f <= c && c < 0xa0 {
			return false
		}
	}
	return true
}

func (h *Handler) headersTooLarge(r *http.Request) bool {
	count, bytes := 0, 0
	for name, values := range r.Header {
		count += len(values)
		for _, v := range values {
			bytes += len(name) + len(v)
		}
	}
	return count > h.MaxHeaders || bytes > h.MaxHeaderBytes
}
