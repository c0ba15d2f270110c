package ratelimit

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gw_rate_limit: what operators ask of a running gateway, at the admin address of Caddy, which checks
// who may come.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gw_rate_limit", New: func() caddy.Module { return new(admin) }}
}

// Routes implements caddy.AdminRouter.
func (admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		// Whom the question is about is in the body, so that no log of the endpoint names them.
		{Pattern: "POST /gateway/limits/status", Handler: host.Guarded(serveStatus)},
		{Pattern: "GET /gateway/limits/top", Handler: host.Guarded(serveTop)},
	}
}

const (
	maxQuestion = 64 << 10
	maxTop      = topSize
)

var errNotRunning = caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: errors.New("no gw_rate_limit is running")}

// serveStatus answers where a key stands in all zones: {"key":["client=192.0.2.1"]}.
func serveStatus(w http.ResponseWriter, r *http.Request) error {
	var question struct {
		Key []string `json:"key"`
	}
	text, err := host.ReadBody(w, r, maxQuestion)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &question); err != nil {
		return host.BadRequest(fmt.Errorf("reading the question: %w", err))
	}
	reg := running()
	if reg == nil {
		return errNotRunning
	}
	list, err := reg.status(r.Context(), question.Key)
	if err != nil {
		return host.BadRequest(err)
	}
	return host.AnswerJSON(w, map[string]any{"zones": list})
}

// serveTop answers who was refused the most on this process, or with by=spent who was charged the most; of a zone with zone=.
func serveTop(w http.ResponseWriter, r *http.Request) error {
	reg := running()
	if reg == nil {
		return errNotRunning
	}
	q := r.URL.Query()
	n := 20
	if s := q.Get("n"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 || n > maxTop {
			return host.BadRequest(fmt.Errorf("n is from 1 to %d", maxTop))
		}
	}
	list, err := reg.top(q.Get("by"), q.Get("zone"), n)
	if err != nil {
		return host.BadRequest(err)
	}
	return host.AnswerJSON(w, map[string]any{"top": list})
}

// Interface guard
var _ caddy.AdminRouter = admin{}
