package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
)

// AdminRoutes are routes of Caddy's admin endpoint, by the pattern of an http.ServeMux, that the app of that id serves. The handlers' errors
// are answered as JSON: a caddy.APIError has its own status, any other 500.
func AdminRoutes[T any](id string, of func(T) *ground.Ground, routes map[string]func(T, http.ResponseWriter, *http.Request) error) []caddy.AdminRoute {
	all := make([]caddy.AdminRoute, 0, len(routes))
	for pattern, serve := range routes {
		all = append(all, caddy.AdminRoute{Pattern: pattern, Handler: OnApp(id, of, told(pattern, of, serve))})
	}
	return all
}

// OnApp has the app that is running now serve a request, on its ground. The admin endpoint outlives it at a reload, and comes before it at the start.
func OnApp[T any](id string, of func(T) *ground.Ground, serve func(T, http.ResponseWriter, *http.Request) error) caddy.AdminHandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		app, err := App[T](caddy.ActiveContext(), id)
		if err != nil {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: fmt.Errorf("%s is not running: %w", id, err)}
		}
		defer of(app).Hold()()
		return serve(app, w, r)
	}
}

var errOpen = errors.New("the admin address can be reached from other machines, and asks for no client certificate: " +
	"use a Unix socket, a loopback address, or Caddy's `remote` admin endpoint with its access control")

// Guarded serves a route of the admin endpoint that no app stands behind, to those that AdminRoutes' are served to.
func Guarded(serve caddy.AdminHandlerFunc) caddy.AdminHandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !trusted(r) { // fail closed
			return caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errOpen}
		}
		return serve(w, r)
	}
}

// trusted tells whether a request came over a Unix socket or a loopback address, or from somebody whose certificate was verified. Caddy's plain admin
// endpoint asks nobody who they are, wherever it listens.
func trusted(r *http.Request) bool {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return true
	}
	switch local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr); at := local.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return at.IP.IsLoopback()
	case *net.UDPAddr: // HTTP/3
		return at.IP.IsLoopback()
	}
	return false
}

// told has each request of a route recorded, with what became of it: whoever reaches the admin address can do everything.
func told[T any](pattern string, of func(T) *ground.Ground, serve func(T, http.ResponseWriter, *http.Request) error) func(T, http.ResponseWriter, *http.Request) error {
	return func(app T, w http.ResponseWriter, r *http.Request) error {
		answer := &statusWriter{ResponseWriter: w}
		err := error(caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errOpen})
		if trusted(r) { // fail closed
			err = serve(app, answer, r.WithContext(database.As(r.Context(), "command")))
		}
		if bus := of(app).Events; bus != nil {
			bus.Emit(adminEvent(pattern, r, answer.status, err))
		}
		return err
	}
}

func adminEvent(pattern string, r *http.Request, status int, err error) *event.Event {
	var api caddy.APIError
	switch {
	case errors.As(err, &api) && api.HTTPStatus != 0:
		status = api.HTTPStatus
	case err != nil:
		status = http.StatusInternalServerError
	case status == 0:
		status = http.StatusOK
	}
	// The path may name people, and so may the query: the pattern says which route it was.
	e := &event.Event{Category: "api", Action: "admin-request", Outcome: event.Success, Method: r.Method, Route: pattern, Status: status, UserAgent: r.UserAgent()}
	if status >= http.StatusBadRequest {
		e.Outcome = event.Failure
	}
	if from, _, err := net.SplitHostPort(r.RemoteAddr); err == nil { // a Unix socket has no address
		e.SourceIP = from
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
		e.Fields = append(e.Fields, zap.String("gateway.admin.certificate", hex.EncodeToString(sum[:])))
	}
	return e
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// AnswerJSON writes v as the answer of an admin route.
func AnswerJSON(w http.ResponseWriter, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(raw, '\n'))
	return err
}

// ReadBody reads a request's body of at most so many bytes.
func ReadBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, caddy.APIError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: fmt.Errorf("the body has more than %d bytes", most)}
	case err != nil:
		return nil, BadRequest(fmt.Errorf("reading the body: %w", err))
	}
	return raw, nil
}

// BadRequest answers with 400 and what is wrong.
func BadRequest(err error) error { return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err} }

// DecodeJSON reads one JSON value strictly: what v does not know is refused, and so is what follows.
func DecodeJSON(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the JSON value")
		}
	}
	if err != nil {
		return BadRequest(fmt.Errorf("reading the body: %w", err))
	}
	return nil
}
