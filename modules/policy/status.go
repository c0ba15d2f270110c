package policy

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
)

// status is what GET /gateway/policy answers.
type status struct {
	Revision    string        `json:"revision"`             // in force
	Label       string        `json:"label,omitempty"`      // what the bundle calls its revision
	From        string        `json:"from"`                 // "built in", a folder, a bundle
	SignedAt    *time.Time    `json:"signed_at,omitempty"`  // of a bundle that says so
	ActivatedAt time.Time     `json:"activated_at"`         // in this process
	LastError   string        `json:"last_error,omitempty"` // why something newer is not in force
	LastErrorAt *time.Time    `json:"last_error_at,omitempty"`
	Shadow      *shadowStatus `json:"shadow,omitempty"` // of the candidate, where one is configured
}

func (a *App) status() status {
	s := a.keeper.State()
	return status{
		Revision: s.Revision, Label: s.Label, From: s.From, SignedAt: timeOrNone(s.SignedAt), ActivatedAt: s.ActivatedAt,
		LastError: s.LastError, LastErrorAt: timeOrNone(s.LastErrorAt),
		Shadow: a.candidate.status(),
	}
}

func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *App) serveStatus(w http.ResponseWriter, _ *http.Request) error {
	return host.AnswerJSON(w, a.status())
}

// serveReload looks at the policy's origin now, and takes what is there also where it is what was refused before.
func (a *App) serveReload(w http.ResponseWriter, r *http.Request) error {
	if err := a.keeper.Look(r.Context(), true); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusUnprocessableEntity, Err: err}
	}
	return host.AnswerJSON(w, a.status())
}
