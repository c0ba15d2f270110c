package waf

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/waf/capture"
	"github.com/convosphere/gateway/test/golden"
)

// fakeGateway is an app with the ground that is lent.
type fakeGateway struct {
	DataDir string `json:"data_dir,omitempty"` // read by the commands, not by the test's app
}

var lent *ground.Ground

func (fakeGateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(fakeGateway) }}
}
func (*fakeGateway) Start() error           { return nil }
func (*fakeGateway) Stop() error            { return nil }
func (*fakeGateway) Ground() *ground.Ground { return lent }

func init() { caddy.RegisterModule(fakeGateway{}) }

// gateway is a data folder with a key ring, and a context in which its app is configured.
func gateway(t *testing.T, dir string) caddy.Context {
	t.Helper()
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	lent = ground.New(&ground.Ground{DataDir: dir, Keys: keys}, func() {})
	base, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"gateway": []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	return ctx
}

// capturing runs f against a handler of the gateway in the folder, and ends it, so that all is written.
func capturing(t *testing.T, dir string, h *Handler, f func(*Handler)) {
	t.Helper()
	if err := h.Provision(gateway(t, dir)); err != nil {
		t.Fatal(err)
	}
	f(h)
	if err := h.Cleanup(); err != nil {
		t.Fatal(err)
	}
}

func kept(t *testing.T, dir string) (all []*capture.Record) {
	t.Helper()
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := records.Files(captureFolder(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := capture.Read(f, keys, func(r *capture.Record) error { all = append(all, r); return nil }); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	return all
}

func captureAll() *Capture { return &Capture{Percent: 100} }

func TestCaptureKeepsWhatTheRulesSaw(t *testing.T) {
	dir := t.TempDir()
	message := jsonText("hello, all")
	capturing(t, dir, &Handler{Capture: captureAll()}, func(h *Handler) {
		r := request("POST", "/api/rooms/general/messages?a=%20b", js, message)
		r.Header.Add("X-Two", "b")
		r.Header.Add("X-Two", "a")
		if o := do(t, h, r); !o.reached || o.body != message {
			t.Errorf("%+v", o)
		}
		do(t, h, request("POST", "/x", js, jsonText(sqli)))
		do(t, h, request("GET", "/x", "", ""))
		do(t, h, request("POST", "/x", js, strings.Repeat("x", 200_000))) // 413 before it is read
	})
	all := kept(t, dir)
	if len(all) != 4 {
		t.Fatalf("%d records", len(all))
	}
	r := all[0]
	if r.Method != "POST" || r.URI != "/api/rooms/general/messages?a=%20b" || r.Host != "chat.example.com" || string(r.Body) != message || r.Length != int64(len(message)) ||
		r.Remote != "192.0.2.7" || r.Missing != "" || len(r.ID) != 26 || time.Since(r.Time) > time.Minute || r.Verdict.Mode != Block || r.Verdict.Status != 0 ||
		!slices.Contains(r.Headers, [2]string{"Content-Type", js}) {
		t.Errorf("%+v", r)
	}
	i := slices.Index(r.Headers, [2]string{"X-Two", "b"})
	if i < 0 || r.Headers[i+1] != [2]string{"X-Two", "a"} {
		t.Errorf("%q", r.Headers)
	}
	if v := all[1].Verdict; !v.Blocked || v.Status != 403 || v.Score < 5 || !slices.Contains(v.Rules, 942100) {
		t.Errorf("%+v", v)
	}
	if r := all[2]; r.Method != "GET" || r.Missing != "" || len(r.Body) != 0 {
		t.Errorf("%+v", r)
	}
	if r := all[3]; r.Missing == "" || r.Verdict.Status != 413 {
		t.Errorf("%+v", r)
	}
}

func TestCaptureSamples(t *testing.T) {
	for _, c := range []struct {
		capture Capture
		want    int
	}{
		{Capture{}, 2}, {Capture{Verdict: SampleDetected}, 2}, {Capture{Verdict: SampleBlocked}, 1}, {Capture{Percent: 100}, 3}, {Capture{Verdict: SampleBlocked, Percent: 0.0000001}, 1},
	} {
		dir := t.TempDir()
		capturing(t, dir, &Handler{Capture: &c.capture}, func(h *Handler) {
			do(t, h, request("POST", "/x", js, jsonText(sqli)))
			low := request("GET", "/x", "", "") // 920300, a notice, is of level 3; a host that is an address scores 3
			low.Host = "192.0.2.1"
			if o := do(t, h, low); !o.reached || len(o.verdict.Rules) == 0 {
				t.Fatalf("%+v %+v", o, o.verdict)
			}
			do(t, h, request("GET", "/x", "", ""))
		})
		if got := len(kept(t, dir)); got != c.want {
			t.Errorf("%+v: %d records, want %d", c.capture, got, c.want)
		}
	}
}

// No secret is in a capture, whatever becomes of the request.
func TestCapturesHoldNoSecrets(t *testing.T) {
	const hush = "correct-horse-battery-7"
	dir := t.TempDir()
	capturing(t, dir, &Handler{Capture: captureAll(), Exclusions: []Exclusion{fieldExclusion("/vault/*", "content")}}, func(h *Handler) {
		for _, r := range []*http.Request{
			request("POST", "/auth/api/login", js, `{"username":"ursula","password":"`+hush+`"}`),
			request("POST", "/auth/api/login", form, "username=ursula&password="+hush),
			request("POST", "/auth/api/login", js, `{"username":"' OR 1=1--","password":"`+hush+`"}`),
			request("POST", "/auth/api/mfa/totp", js, `{"mfa_token":"`+hush+`","code":"123456"}`),
			request("POST", "/auth/api/account/password", js, `{"old":"`+hush+`","new":"`+hush+`"}`),
			request("POST", "/signup", js, `{"user":"u","password":"`+hush+`","text":"`+sqli+`"}`),
			request("POST", "/signup", form, "password="+hush),
			request("POST", "/vault/1", js, `{"content":"`+hush+`"}`),
			request("GET", "/x?access_token="+hush, "", ""),
		} {
			r.Header.Set("Authorization", "Bearer "+hush)
			r.Header.Set("Cookie", "theme=dark; __Host-gw_access="+hush+"; __Secure-gw_refresh="+hush)
			do(t, h, r)
		}
	})
	all := kept(t, dir)
	if len(all) != 9 {
		t.Fatalf("%d records", len(all))
	}
	for _, r := range all {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if whole := string(b) + string(r.Body); strings.Contains(whole, hush) || strings.Contains(whole, "123456") {
			t.Errorf("%s\n%s", b, r.Body)
		}
		if strings.HasPrefix(r.URI, "/auth/api/") && (len(r.Body) > 0 || r.Missing == "") {
			t.Errorf("a body of the portal's API: %+v", r)
		}
		if !strings.Contains(string(b), "theme=dark") {
			t.Errorf("another cookie is gone: %s", b)
		}
	}
}

func TestCaptureNeedsTheGateway(t *testing.T) {
	h := &Handler{Capture: captureAll()}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	err := h.Provision(ctx)
	if err == nil || !strings.Contains(err.Error(), "gw_waf: capture: it needs the global option `gateway`") {
		t.Error(err)
	}
	if err := h.Cleanup(); err != nil {
		t.Error(err)
	}
	blocked := file(t, "file", "")
	h = &Handler{Capture: captureAll()}
	base := gateway(t, t.TempDir())
	lent.DataDir = blocked // no folder can be made in a file
	if err := h.Provision(base); err == nil || !strings.Contains(err.Error(), "capture folder") {
		t.Error(err)
	}
	if err := h.Cleanup(); err != nil {
		t.Error(err)
	}
}

// A reload takes the writer over: nothing is lost, and a request that the reload overtook is dropped and answered.
func TestCaptureOverAReload(t *testing.T) {
	dir := t.TempDir()
	ctx := gateway(t, dir)
	a, b := &Handler{Capture: captureAll()}, &Handler{Capture: captureAll(), Paranoia: 2}
	for _, h := range []*Handler{a, b} {
		if err := h.Provision(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if a.recorder.writer != b.recorder.writer {
		t.Error("two writers")
	}
	do(t, a, request("GET", "/a", "", ""))
	if err := a.Cleanup(); err != nil {
		t.Fatal(err)
	}
	do(t, b, request("GET", "/b", "", ""))
	if err := b.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if o := do(t, a, request("GET", "/c", "", "")); !o.reached {
		t.Errorf("%+v", o)
	}
	all := kept(t, dir)
	if len(all) != 2 || all[0].URI != "/a" || all[1].URI != "/b" {
		t.Errorf("%+v", all)
	}
}

func TestCaptureCaddyfile(t *testing.T) {
	for in, want := range map[string]string{
		"capture":                  `{}`,
		"capture {\n}":             `{}`,
		"capture {\nsample all\n}": `{"percent":100}`,
		"capture {\nsample 2.5%\nkeep 3d\nmax_size 1GiB\n}":    `{"percent":2.5,"keep":259200000000000,"max_size":1073741824}`,
		"capture {\nsample blocked 1%\n}\nmode detect":         `{"verdict":"blocked","percent":1}`,
		"paranoia 2\ncapture {\nsample detected\n}\nexclude 1": `{"verdict":"detected"}`,
	} {
		h := new(Handler)
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_waf {\n" + in + "\n}")); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, _ := json.Marshal(h.Capture); string(got) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"capture all":                           "Caddyfile:3",
		"capture {\nnonsense 1\n}":              "it knows sample, keep and max_size",
		"capture {\nsample\n}":                  "Caddyfile:4",
		"capture {\nsample some\n}":             "all, blocked, detected, or a percentage",
		"capture {\nsample 0%\n}":               "percentage",
		"capture {\nsample 101%\n}":             "percentage",
		"capture {\nsample NaN%\n}":             "percentage",
		"capture {\nsample 5\n}":                "percentage",
		"capture {\nsample blocked detected\n}": "percentage",
		"capture {\nsample all 5%\n}":           "percentage",
		"capture {\nsample all\nsample all\n}":  "twice",
		"capture {\n}\ncapture {\n}":            "twice",
		"capture {\nkeep 1m\n}":                 "at least 1h",
		"capture {\nkeep 9000d\n}":              "366d",
		"capture {\nmax_size 1KiB\n}":           "at least 1MiB",
		"capture {\nkeep 1d 2d\n}":              "Caddyfile:4",
		"capture {\nkeep 1d {\nx\n}\n}":         "takes no block",
	} {
		_, err := golden.Adapt("example.com {\ngw_waf {\n" + in + "\n}\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
