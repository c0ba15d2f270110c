package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (p *people) Sessions(context.Context, *reqctx.Identity) ([]session.Open, error) {
	return p.open, p.err
}

func (p *people) EndSession(_ context.Context, _ *reqctx.Identity, sid string) error {
	p.asked = append(p.asked, "end "+sid)
	return p.err
}

func (p *people) EndSessions(_ context.Context, _ *reqctx.Identity, current bool) error {
	p.asked = append(p.asked, fmt.Sprint("end all ", current))
	return p.err
}

func (p *people) Devices(context.Context, *reqctx.Identity) ([]device.Device, string, error) {
	return p.devices, "D1", p.err
}

func (p *people) ForgetDevice(_ context.Context, _ *reqctx.Identity, device string) error {
	p.asked = append(p.asked, "forget "+device)
	return p.err
}

func TestSessionsAPI(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	agent := "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	p := &people{
		open:    []session.Open{{ID: "S", Current: true, UserAgent: agent, IP: "192.0.2.1", Country: "DE", CreatedAt: at, UsedAt: at, EndsAt: at, Remembered: true, Device: "D1"}},
		devices: []device.Device{{ID: "D1", UserAgent: agent, CreatedAt: at, UsedAt: at, TrustedUntil: at}, {ID: "D2", UserAgent: "curl/8", CreatedAt: at, UsedAt: at, TrustedUntil: time.Now().Add(time.Hour)}},
	}
	h := newHandler(t, p)
	var sessions struct{ Sessions []openSession }
	a := do(t, h, ursula, "GET", "/auth/api/account/sessions", "")
	if err := json.Unmarshal(a.Body.Bytes(), &sessions); err != nil || a.Code != 200 || len(sessions.Sessions) != 1 {
		t.Fatal(a.Code, a.Body)
	}
	want := openSession{
		ID: "S", Current: true, Browser: "Firefox", OS: "Linux", Kind: "desktop", Country: "DE", IP: "192.0.2.1",
		CreatedAt: "2026-01-02T03:04:05Z", UsedAt: "2026-01-02T03:04:05Z", EndsAt: "2026-01-02T03:04:05Z", Remembered: true, Device: "D1",
	}
	if sessions.Sessions[0] != want {
		t.Errorf("%+v", sessions.Sessions[0])
	}
	var devices struct{ Devices []knownDevice }
	a = do(t, h, ursula, "GET", "/auth/api/account/devices", "")
	if err := json.Unmarshal(a.Body.Bytes(), &devices); err != nil || len(devices.Devices) != 2 {
		t.Fatal(a.Code, a.Body)
	}
	if d := devices.Devices; !d[0].Current || d[0].TrustedUntil != "" || d[1].Current || d[1].TrustedUntil == "" || d[1].Kind != "program" {
		t.Errorf("%+v", d)
	}
}

func TestEndingSessions(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	for _, c := range []struct {
		path, asked string
		status      int
		cleared     bool
	}{
		{"/auth/api/account/sessions/OTHER", "end OTHER", 204, false},
		{"/auth/api/account/sessions/S", "end S", 204, true},
		{"/auth/api/account/sessions", "end all false", 204, false},
		{"/auth/api/account/sessions?current=false", "end all false", 204, false},
		{"/auth/api/account/sessions?current=true", "end all true", 204, true},
		{"/auth/api/account/sessions?current=yes", "", 422, false},
		{"/auth/api/account/sessions?current=true&current=false", "", 422, false},
		{"/auth/api/account/devices/D2", "forget D2", 204, false},
		{"/auth/api/account/devices", "", 405, false},
		{"/auth/api/account/sessions/a/b", "", 404, false},
	} {
		p.asked = nil
		a := do(t, h, ursula, "DELETE", c.path, "")
		if a.Code != c.status || strings.Join(p.asked, ";") != c.asked {
			t.Errorf("%s: %d %q", c.path, a.Code, p.asked)
		}
		if cleared := len(a.Result().Cookies()) == 3; cleared != c.cleared {
			t.Errorf("%s: cookies %v", c.path, a.Result().Cookies())
		}
	}
	p.err = session.ErrNotFound
	if a := do(t, h, ursula, "DELETE", "/auth/api/account/sessions/X", ""); a.Code != 404 {
		t.Error("a session that is not there:", a.Code)
	}
	// Somebody else's page, and nobody.
	if a := do(t, h, ursula, "DELETE", "/auth/api/account/sessions", "", "Sec-Fetch-Site", "cross-site"); a.Code != 403 {
		t.Error("cross site:", a.Code)
	}
	for _, path := range []string{"/auth/api/account/sessions", "/auth/api/account/devices"} {
		if a := do(t, h, nil, "GET", path, ""); a.Code != 401 {
			t.Error("anonymous:", path, a.Code)
		}
	}
}

func TestTheDeviceCookie(t *testing.T) {
	p := &people{device: "ID.SECRET"}
	h := newHandler(t, p)
	find := func(a answered) *http.Cookie {
		for _, c := range a.Result().Cookies() {
			if c.Name == deviceCookie {
				return c
			}
		}
		return nil
	}
	c := find(do(t, h, nil, "POST", "/auth/api/login", creds, "Cookie", deviceCookie+"=one; other=x; "+deviceCookie+"=two"))
	if c == nil || c.Value != "ID.SECRET" || !c.HttpOnly || !c.Secure || c.Path != "/auth" || c.SameSite != http.SameSiteLaxMode || c.MaxAge < 100 || c.Domain != "" {
		t.Fatalf("%+v", c)
	}
	if p.attempt.Device != "one~two" || !p.attempt.Browser {
		t.Errorf("%+v", p.attempt)
	}
	// A logout leaves it: whoever signs out is no stranger tomorrow.
	if c := find(do(t, h, ursula, "POST", "/auth/api/logout", "", "Cookie", refreshCookie+"=R")); c != nil {
		t.Errorf("%+v", c)
	}
	do(t, h, nil, "POST", "/auth/api/login", `{"username":"u","password":"p","delivery":"body"}`)
	if p.attempt.Browser || p.attempt.Remember {
		t.Errorf("%+v", p.attempt)
	}
	do(t, h, nil, "POST", "/auth/api/login", `{"username":"u","password":"p","delivery":"body","remember":"true"}`, "Sec-Fetch-Site", "same-origin")
	if !p.attempt.Browser || !p.attempt.Remember {
		t.Errorf("%+v", p.attempt)
	}
	if a := do(t, h, nil, "POST", "/auth/api/login", `{"username":"u","password":"p","remember":"yes"}`); a.Code != 422 {
		t.Error(a.Code)
	}
	do(t, h, nil, "POST", "/auth/api/mfa/totp", `{"mfa_token":"M","code":"1","remember_device":"true"}`)
	if !p.attempt.RememberDevice {
		t.Errorf("%+v", p.attempt)
	}
}

// What a remembered session lasts, its cookies last.
func TestCookiesLastAsLongAsTheSession(t *testing.T) {
	res := granted()
	res.Tokens.RefreshExpires = time.Now().Add(14 * 24 * time.Hour)
	w := answeredBy(t, res)
	i := slices.IndexFunc(w, func(c *http.Cookie) bool { return c.Name == refreshCookie })
	if days := w[i].MaxAge / 86400; days != 13 { // and 23 hours
		t.Error("kept for", w[i].MaxAge)
	}
}

func answeredBy(t *testing.T, res session.Result) []*http.Cookie {
	t.Helper()
	h := newHandler(t, &people{granted: &res})
	return do(t, h, nil, "POST", "/auth/api/login", creds).Result().Cookies()
}
