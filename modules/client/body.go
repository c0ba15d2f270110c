package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// body is a request's body under the limit. What goes wrong in reading it is the client's doing, and is told as such: else
// the proxy, which reads it last, would answer 502.
type body struct {
	io.ReadCloser
	ctx      context.Context
	trailers func() // called once, when the last byte was read
	failed   atomic.Pointer[caddyhttp.HandlerError]
}

// Read reads on; its errors are caddyhttp.HandlerErrors: 413 too large, 408 too slow, 400 broken.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		if b.trailers != nil {
			b.trailers()
			b.trailers = nil
		}
		return n, err
	case b.ctx.Err() != nil, errors.Is(err, http.ErrBodyReadAfterClose):
		return n, err // the client has gone, or the answer has: nobody reads a status
	}
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		status = http.StatusRequestTimeout
	}
	he := caddyhttp.Error(status, err)
	b.failed.Store(&he)
	return n, he
}

// reason is the metric's label for what went wrong.
func reason(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "body"
	case http.StatusRequestTimeout:
		return "slow-body"
	}
	return "broken-body"
}

// ownTrailers gives the request a trailer map of its own and returns what fills it: of the trailers that came, those
// that were announced and that the configuration lets through. net/http merges into the announced map whatever
// arrives, announced or not, and the proxy forwards and announces the map it finds.
func (h *Handler) ownTrailers(r *http.Request) (fill func(), forged bool) {
	came := r.Trailer
	r.Trailer = nil
	for name := range came {
		forged = forged || h.names.claim(name) == claimIdentity
	}
	passed := http.Header{}
	for _, name := range h.Trailers {
		name = http.CanonicalHeaderKey(name)
		if _, announced := came[name]; announced {
			passed[name] = nil
		}
	}
	if len(passed) == 0 {
		return nil, forged
	}
	r.Trailer = passed
	return func() {
		for name := range passed {
			if values := came[name]; len(values) > 0 {
				passed[name] = values
			}
		}
	}, forged
}
