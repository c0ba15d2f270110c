package portal

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// reports is where people tell what they saw: the app gw_monitor.
type reports interface {
	Report(ctx context.Context, t incident.Told) (id string, err error)
	TakesReports() bool
}

// noReports takes none: nothing is watched.
type noReports struct{}

// Report implements reports.
func (noReports) Report(context.Context, incident.Told) (string, error) {
	return "", incident.ErrNotFound
}

// TakesReports implements reports.
func (noReports) TakesReports() bool { return false }

func findReports(ctx caddy.Context) (reports, error) {
	r, err := host.App[reports](ctx, "gw_monitor")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return noReports{}, nil
	}
	return r, err
}

var reportRoutes = map[string]route{
	"/auth/api/report": {permission: self, methods: methods{"POST": (*Handler).report}},
}

// report takes what somebody saw: {"kind","text"}. They learn by which id to ask for it, and nothing of what else is known.
func (h *Handler) report(c *call) error {
	in, err := c.fields("kind", "text")
	if err != nil {
		return err
	}
	if err := need(in, "kind", "text"); err != nil {
		return err
	}
	id, err := h.reports.Report(c.r.Context(), incident.Told{Kind: in["kind"], By: c.rc.Identity.Subject, Text: in["text"]})
	if err != nil {
		return err
	}
	return c.writeJSON(map[string]any{"reference": id})
}

// reportProblem is what a client learns of a report that was not taken.
func reportProblem(err error) (problem.Problem, bool) {
	return listed(err, map[error]problem.Problem{
		incident.ErrMalformed: {Status: http.StatusUnprocessableEntity, Type: "bad-report", Title: "A report is of a kind, and has a text of at most 4096 bytes"},
		incident.ErrOften:     {Status: http.StatusTooManyRequests, Type: "reported-often", Title: "There were many reports lately: try again later", RetryAfter: 15 * time.Minute},
		incident.ErrFull:      {Status: http.StatusTooManyRequests, Type: "reported-often", Title: "There were many reports lately: try again later", RetryAfter: time.Hour},
		incident.ErrNotFound:  {Status: http.StatusNotFound},
	})
}
