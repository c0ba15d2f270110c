package http

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/convosphere/gateway/backend"
	"github.com/convosphere/gateway/backend/sqlite"
)

// problem is an error that has its answer: problem+json (RFC 9457). The title is public and holds no input.
type problem struct {
	status int
	name   string // the type is urn:chat:problem:<name>
	title  string
}

func (p *problem) Error() string { return p.title }

// problemOf finds the answer to an error; inside says that it is our own fault and for the log.
func problemOf(err error) (p *problem, inside bool) {
	var (
		domain   *backend.Error
		tooLarge *http.MaxBytesError
		syntax   *jsontext.SyntacticError
		meaning  *json.SemanticError
	)
	switch {
	case errors.As(err, &p):
		return p, false
	case errors.As(err, &domain) && domain.Code == backend.NotFound:
		return &problem{http.StatusNotFound, "not-found", domain.Title}, false
	case errors.As(err, &domain):
		return &problem{http.StatusUnprocessableEntity, "invalid", domain.Title}, false
	case errors.As(err, &tooLarge), errors.Is(err, sqlite.ErrTooLarge):
		return &problem{http.StatusRequestEntityTooLarge, "too-large", "That is too large"}, false
	case errors.As(err, &syntax):
		return &problem{http.StatusBadRequest, "bad-request", "The body is not valid JSON"}, false
	case errors.As(err, &meaning):
		return &problem{http.StatusUnprocessableEntity, "invalid", "The JSON has an unknown field or a value of the wrong type"}, false
	}
	return &problem{http.StatusInternalServerError, "internal", "Something went wrong"}, true
}

// fail answers with the error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, inside := problemOf(err)
	if inside && r.Context().Err() == nil { // a client that went away is no fault
		s.log.Error("answering a request", "method", r.Method, "pattern", r.Pattern, "error", err)
	}
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
	}{"urn:chat:problem:" + p.name, p.title, p.status})
	if err != nil {
		panic(err) // three plain fields
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}
