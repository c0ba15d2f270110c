package portal

import (
	"context"
	"errors"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// told is an app that takes reports, as far as err lets it.
type told struct {
	got []incident.Told
	err error
}

// Report implements reports.
func (r *told) Report(_ context.Context, t incident.Told) (string, error) {
	r.got = append(r.got, t)
	return "REFERENCE", r.err
}

// TakesReports implements reports.
func (*told) TakesReports() bool { return true }

// Whoever is signed in may report, in their own name; what can't be taken is said in words that tell nothing of what is known.
func TestReport(t *testing.T) {
	token := *ursula
	token.Session, token.Scopes = "pat_x", []string{self}
	body := `{"kind":"message","text":"Look"}`
	for name, c := range map[string]struct {
		id     *reqctx.Identity
		body   string
		err    error
		status int
		more   []string
	}{
		"somebody":      {ursula, body, nil, 200, nil},
		"nobody":        {nil, body, nil, 401, nil},
		"a token":       {&token, body, nil, 403, nil},
		"another site":  {ursula, body, nil, 403, []string{"Origin", "https://evil.example"}},
		"for another":   {ursula, `{"kind":"message","text":"Look","by":"somebody-else"}`, nil, 422, nil},
		"no text":       {ursula, `{"kind":"message"}`, nil, 422, nil},
		"no kind":       {ursula, `{"text":"Look"}`, nil, 422, nil},
		"bad":           {ursula, body, incident.ErrMalformed, 422, nil},
		"often":         {ursula, body, incident.ErrOften, 429, nil},
		"full":          {ursula, body, incident.ErrFull, 429, nil},
		"off":           {ursula, body, incident.ErrNotFound, 404, nil},
		"database away": {ursula, body, errors.New("dial tcp 192.0.2.1: refused"), 503, nil},
	} {
		r := &told{err: c.err}
		h := newHandler(t, &people{decide: admins})
		h.reports = r
		a := do(t, h, c.id, "POST", "/auth/api/report", c.body, c.more...)
		if a.Code != c.status {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
		if reached := len(r.got) == 1; reached != (c.err != nil || c.status == 200) {
			t.Errorf("%s: %v", name, r.got)
		} else if reached && (r.got[0] != incident.Told{Kind: "message", By: ursula.Subject, Text: "Look"}) {
			t.Errorf("%s: %+v", name, r.got[0])
		}
	}
}
