package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/alert"
)

// alertsJSON is what `alert list` shows.
type alertsJSON struct {
	Channels []string      `json:"channels"`
	Alerts   []alert.Alert `json:"alerts"`
}

// triedJSON is what came of a test: "" came through.
type triedJSON struct {
	Channel string `json:"channel"`
	Error   string `json:"error,omitempty"`
}

var errNoAlerts = caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("nobody is told: there is no channel in the block `alert` of `monitor`")}

func (a *App) alertDesk() (*alert.Desk, error) {
	if a.alerts == nil {
		return nil, errNoAlerts
	}
	return a.alerts, nil
}

// serveAlerts lists: ?state=&limit=
func (a *App) serveAlerts(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	d, err := a.alertDesk()
	if err != nil {
		return err
	}
	v := r.URL.Query()
	q := alert.Query{State: v.Get("state")}
	if q.State != "" && q.State != alert.Waiting && q.State != alert.Sent && q.State != alert.Dead {
		return host.BadRequest(errors.New("state: it is waiting, sent or dead"))
	}
	if text := v.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > alert.MostListed {
			return host.BadRequest(fmt.Errorf("limit: it is a number up to %d", alert.MostListed))
		}
	}
	all, err := d.List(ctx, q)
	if err != nil {
		return err
	}
	return host.AnswerJSON(w, alertsJSON{d.Channels(), all})
}

func (a *App) serveAlertRetry(w http.ResponseWriter, r *http.Request) error {
	return a.onAlert(w, r, (*alert.Desk).Retry)
}

func (a *App) serveAlertDrop(w http.ResponseWriter, r *http.Request) error {
	return a.onAlert(w, r, (*alert.Desk).Drop)
}

func (a *App) onAlert(w http.ResponseWriter, r *http.Request, do func(*alert.Desk, context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	d, err := a.alertDesk()
	if err != nil {
		return err
	}
	err = do(d, ctx, r.PathValue("id"))
	if errors.Is(err, alert.ErrNotFound) {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	}
	if err != nil {
		return err
	}
	return host.AnswerJSON(w, struct{}{})
}

// serveAlertTest sends a test to a channel, or to all: {"channel"}
func (a *App) serveAlertTest(w http.ResponseWriter, r *http.Request) error {
	d, err := a.alertDesk()
	if err != nil {
		return err
	}
	raw, err := host.ReadBody(w, r, mostBody)
	if err != nil {
		return err
	}
	var in struct {
		Channel string `json:"channel"`
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &in); err != nil {
			return host.BadRequest(fmt.Errorf("reading the body: %w", err))
		}
	}
	names := d.Channels()
	if in.Channel != "" {
		names = []string{in.Channel}
	}
	out := make([]triedJSON, 0, len(names))
	for _, name := range names {
		one := triedJSON{Channel: name}
		if err := d.Test(r.Context(), name); err != nil {
			one.Error = err.Error()
		}
		out = append(out, one)
	}
	return host.AnswerJSON(w, out)
}
