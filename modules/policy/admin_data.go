package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/source"
)

// dataRoute is where data is asked for and pushed; what follows it is the path, whose names may hold an escaped slash.
const dataRoute = "/gateway/policy/data"

// pushTimeout bounds a push: it may wait for a policy's tests, and for the database.
const pushTimeout = 2 * time.Minute

// Types of what changes a document.
const (
	jsonPatch  = "application/json-patch+json"  // RFC 6902
	mergePatch = "application/merge-patch+json" // RFC 7396
)

// pushed is the answer to a push.
type pushed struct {
	Revision string `json:"revision"` // in force now
}

func (a *App) serveDataList(w http.ResponseWriter, _ *http.Request) error {
	return host.AnswerJSON(w, a.keeper.List())
}

func (a *App) serveData(w http.ResponseWriter, r *http.Request) error {
	path, err := dataPath(r)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	value, err := a.keeper.Data(path)
	if err != nil {
		return dataError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := value.WriteJSON(w); err != nil { // whoever reads it sees that it is cut off
		return fmt.Errorf("writing the answer: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func (a *App) servePush(w http.ResponseWriter, r *http.Request) error {
	path, err := dataPath(r)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	body, err := host.ReadBody(w, r, source.MaxDocument)
	if err != nil {
		return err
	}
	size := len(body) // itself it need not be held while it is stored
	// What has begun is ended: whether a client stays does not decide what is in the database.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), pushTimeout)
	defer cancel()
	revision, err := a.push(r.WithContext(ctx), path, body)
	a.tellPush(r.Method, path, size, revision, err)
	if err != nil {
		return dataError(err)
	}
	return host.AnswerJSON(w, pushed{revision})
}

func (a *App) push(r *http.Request, path []string, body []byte) (revision string, err error) {
	switch r.Method {
	case http.MethodPut:
		return a.keeper.Put(r.Context(), path, body)
	case http.MethodDelete:
		return a.keeper.Remove(r.Context(), path)
	}
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case jsonPatch:
		return a.keeper.Patch(r.Context(), path, body, source.Patch)
	case mergePatch:
		return a.keeper.Patch(r.Context(), path, body, source.Merge)
	}
	return "", caddy.APIError{HTTPStatus: http.StatusUnsupportedMediaType, Err: fmt.Errorf("a patch is %s or %s", jsonPatch, mergePatch)}
}

// tellPush writes who-changed-what: that the data is in force is told by whoever puts it so, on each node.
func (a *App) tellPush(method string, path []string, size int, revision string, err error) {
	e := &event.Event{
		Category: "configuration", Action: "policy-data", Outcome: event.Success, Method: method,
		Fields: []zap.Field{zap.String("gateway.policy.path", event.Cut(source.FormatPath(path), 512)), zap.Int("gateway.policy.bytes", size)},
	}
	if err != nil {
		e.Outcome, e.Reason = event.Failure, "the data was not taken"
	} else {
		e.Fields = append(e.Fields, zap.String("gateway.policy.revision", revision))
	}
	a.ground.Events.Emit(e)
}

// dataPath takes the path out of a request. It is split as it was sent: an escaped slash is part of a name.
func dataPath(r *http.Request) ([]string, error) {
	rest := strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), dataRoute), "/")
	if rest == "" {
		return nil, nil
	}
	names := strings.Split(rest, "/")
	for i, name := range names {
		name, err := url.PathUnescape(name)
		if err != nil {
			return nil, err
		}
		names[i] = name
	}
	return source.ParsePath(source.FormatPath(names))
}

func dataError(err error) error {
	var api caddy.APIError
	switch {
	case errors.As(err, &api):
		return api
	case errors.Is(err, source.ErrNoData):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	case errors.Is(err, source.ErrUnfit):
		return caddy.APIError{HTTPStatus: http.StatusUnprocessableEntity, Err: err}
	}
	return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
}
