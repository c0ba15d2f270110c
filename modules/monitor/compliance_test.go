package monitor

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/compliance"
)

// What a running gateway does is what its report says, and a reload that does otherwise is seen in the next one.
func TestComplianceOfARunningGateway(t *testing.T) {
	dir := t.TempDir()
	load := func(respond string) *App {
		t.Helper()
		a, err := loadMonitor(t, dir, map[string]any{"respond": map[string]any{"mode": respond}}, map[string]any{"second_factor": map[string]any{"required": []string{"admin"}}})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := load("mild")
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	ask := func(a *App, query string) (int, []byte) {
		t.Helper()
		w := httptest.NewRecorder()
		err := a.serveComplianceReport(w, httptest.NewRequest(http.MethodGet, "/gateway/reports/compliance?"+query, nil))
		if api, ok := err.(caddy.APIError); ok {
			return api.HTTPStatus, nil
		} else if err != nil {
			t.Fatal(err)
		}
		return w.Code, w.Body.Bytes()
	}
	report := func(a *App) (r compliance.Report) {
		t.Helper()
		_, raw := ask(a, "format=json")
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := report(a)
	for id, want := range map[string]compliance.Result{
		"second-factor": compliance.NotMet, "response": compliance.Met, "detection": compliance.Met, "audit-log": compliance.Met, "audit-complete": compliance.Met,
		"file-modes": compliance.Met, "password-length": compliance.Met, "session-idle": compliance.Met, "admin-endpoint": compliance.Met, "tls": compliance.NotApplicable,
		"operators-factor": compliance.NotApplicable, "stale-accounts": compliance.Met, "access-review": compliance.NotMet, "data-keys": compliance.NotApplicable,
	} {
		if got := r.Checks[id]; got.Result != want {
			t.Errorf("%s: %+v, not %s", id, got, want)
		}
	}
	if e := strings.Join(r.Checks["second-factor"].Evidence, ""); !strings.Contains(e, "moderator") || strings.Contains(e, "admin") {
		t.Errorf("who needs no second factor: %s", e)
	}
	for _, c := range r.Checks {
		if c.Result == compliance.Unknown {
			t.Errorf("%s can't be told of a running gateway: %v", c.ID, c.Evidence)
		}
	}
	if got := report(load("off")).Checks["response"]; got.Result != compliance.NotMet {
		t.Errorf("after a reload: %+v", got)
	}
	a = load("off")
	for query, want := range map[string]int{"": 200, "format=csv&framework=gdpr": 200, "format=pdf": 400, "framework=pci": 400} {
		if got, _ := ask(a, query); got != want {
			t.Errorf("%s: %d, not %d", query, got, want)
		}
	}
	v, ok := a.ground.Views.Get("compliance")
	if !ok || v.Permission != view.Admin {
		t.Fatal("the view is not there, or everybody may see it")
	}
	q, err := v.Ask(url.Values{"framework": {"gdpr"}}, view.Person{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var csv bytes.Buffer
	if err := v.Export(t.Context(), &csv, q, false); err != nil || !strings.Contains(csv.String(), "Art. 32(1)(a)") {
		t.Errorf("%v: %s", err, csv.String())
	}
}

// Where nothing is watched that, too, is said.
func TestComplianceWithoutAMonitor(t *testing.T) {
	a, err := loadMonitor(t, t.TempDir(), map[string]any{"off": true}, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	r, err := a.assess(t.Context(), "nist-csf")
	if err != nil || r.Checks["detection"].Result != compliance.NotMet {
		t.Errorf("%+v, %v", r.Checks["detection"], err)
	}
}
