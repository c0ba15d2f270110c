package waf

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/golden"
)

const sqliQuery = "?q=%27%20OR%20%271%27=%271"

func TestModeByPath(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("waf {\n mode detect at /uploads/* /old\n mode off at /uploads/* /health\n mode block at /never\n}")); err != nil {
		t.Fatal(err)
	}
	h = provision(t, h)
	for path, want := range map[string]string{
		"/x": Block, "/uploads/a/b": Detect, "/old": Detect, "/old/x": Block, "/health": Off, "/never": Block,
		"/uploads/../x": Block, "/uploads/%2e%2e/x": Block, "/health/": Block, "/uploads": Block,
	} {
		o := do(t, h, request("GET", path+sqliQuery, "", ""))
		got := Block
		switch {
		case o.reached && o.verdict == nil:
			got = Off
		case o.reached:
			got = Detect
		}
		if got != want {
			t.Errorf("%s: %s, want %s (%+v)", path, got, want, o)
		}
	}
}

// What a rewrite made of the path does not choose the mode; what the client asked for does, as with exclusions.
func TestModeGoesByThePathThatWasAskedFor(t *testing.T) {
	h := provision(t, &Handler{Modes: []ModeAt{{Mode: Off, At: []PathPattern{"/app/raw"}}}})
	r := request("GET", "/app/raw"+sqliQuery, "", "")
	asked := *r
	u := *r.URL
	asked.URL = &u
	r = r.WithContext(caddyContext(r, asked))
	r.URL.Path = "/raw"
	if o := do(t, h, r); !o.reached {
		t.Errorf("%+v", o)
	}
}

func TestModeOffWithAnotherAtAPath(t *testing.T) {
	h := provision(t, &Handler{Mode: Off, Modes: []ModeAt{{Mode: Block, At: []PathPattern{"/api/*"}}}})
	if o := do(t, h, request("GET", "/x"+sqliQuery, "", "")); !o.reached || o.verdict != nil {
		t.Errorf("%+v", o)
	}
	if o := do(t, h, request("GET", "/api/x"+sqliQuery, "", "")); o.status != 403 {
		t.Errorf("%+v", o)
	}
}

func TestModesShareWhatIsLoadedAndLetGo(t *testing.T) {
	before := gauge(t, ruleSets)
	t.Run("loaded", func(t *testing.T) {
		h := provision(t, &Handler{Paranoia: 4, Modes: []ModeAt{{Detect, []PathPattern{"/a"}}, {Detect, []PathPattern{"/b"}}, {Block, []PathPattern{"/c"}}, {Off, []PathPattern{"/d"}}}})
		if got := gauge(t, ruleSets); got != before+2 {
			t.Errorf("%v rule sets, were %v", got, before)
		}
		if h.of(request("GET", "/c", "", "")) != h {
			t.Error("the same mode is loaded twice")
		}
	})
	if got := gauge(t, ruleSets); got != before {
		t.Errorf("%v rule sets after, were %v", got, before)
	}
}

// Several handlers on one request: the first decides, the rest pass it on. None inspects it again.
func TestTheFirstHandlerDecides(t *testing.T) {
	block, detect, off := provision(t, &Handler{}), provision(t, &Handler{Mode: Detect}), provision(t, &Handler{Mode: Off})
	for _, c := range []struct {
		chain  []*Handler
		passes bool
	}{
		{[]*Handler{detect, block}, true}, {[]*Handler{off, block}, true}, {[]*Handler{block, off}, false}, {[]*Handler{off, detect, block}, true},
	} {
		before := inspections(t)
		r, rc := reqctx.Ensure(request("POST", "/x", js, jsonText(sqli)))
		reached := false
		next := caddyhttp.Handler(caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { reached = true; return nil }))
		for _, h := range slices.Backward(c.chain) {
			inner := next
			next = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, inner) })
		}
		if err := next.ServeHTTP(httptest.NewRecorder(), r); err != nil {
			t.Fatal(err)
		}
		if reached != c.passes || !rc.Inspected {
			t.Errorf("reached %t, want %t", reached, c.passes)
		}
		want := 1.0
		if c.chain[0] == off {
			want = 0
		}
		if got := inspections(t) - before; got != want {
			t.Errorf("inspected %v times, want %v", got, want)
		}
	}
}

// In a Caddyfile the more specific directive stands first on the path, so it decides.
func TestTheMoreSpecificDirectiveStandsFirst(t *testing.T) {
	for _, c := range []struct{ site, order string }{
		{"gw_waf {\n mode block\n}\ngw_waf /uploads/* {\n mode detect\n}\ngw_waf /uploads/raw/* {\n mode off\n}", "off detect block"},
		{"@files method PUT\ngw_waf {\n mode block\n}\ngw_waf @files {\n mode detect\n}", "detect block"},
		{"@b method PUT\n@a method POST\ngw_waf @b {\n mode detect\n}\ngw_waf @a {\n mode off\n}\ngw_waf", "detect off "},
		{"gw_waf /a/* {\n mode detect\n}\ngw_waf /a/b {\n mode off\n}\ngw_waf", "off detect "},
	} {
		b, err := golden.Adapt(":8080 {\n" + c.site + "\n}\n")
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Apps struct {
				HTTP struct {
					Servers map[string]struct {
						Routes []struct {
							Handle []struct {
								Mode string `json:"mode"`
							} `json:"handle"`
						} `json:"routes"`
					} `json:"servers"`
				} `json:"http"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(b, &config); err != nil {
			t.Fatal(err)
		}
		var modes []string
		for _, r := range config.Apps.HTTP.Servers["srv0"].Routes {
			for _, h := range r.Handle {
				modes = append(modes, h.Mode)
			}
		}
		if got := strings.Join(modes, " "); got != c.order {
			t.Errorf("%s\ngot %q, want %q", c.site, got, c.order)
		}
	}
}

func TestParanoiaOfBlockingAndDetection(t *testing.T) {
	// 920272 and others of level 3 see a character that levels 1 and 2 allow.
	target := "/x?q=%7Fabc"
	low, both, high := provision(t, &Handler{}), provision(t, &Handler{DetectionParanoia: 3}), provision(t, &Handler{Paranoia: 3})
	if o := do(t, low, request("GET", target, "", "")); !o.reached || len(o.verdict.Rules) != 0 {
		t.Fatalf("%+v", o.verdict)
	}
	o := do(t, both, request("GET", target, "", ""))
	if v := o.verdict; !o.reached || !slices.Contains(v.Rules, 920272) || v.Score != 0 || v.Detection < 5 || v.Paranoia != 1 || v.DetectionParanoia != 3 {
		t.Errorf("%+v", o.verdict)
	}
	if o := do(t, high, request("GET", target, "", "")); o.status != 403 {
		t.Errorf("%+v", o.verdict)
	}
}

func TestThresholds(t *testing.T) {
	r := func() *http.Request {
		r := request("GET", "/", "", "")
		r.Host = "192.0.2.1" // 920350, a warning: 3 points
		return r
	}
	for _, c := range []struct{ threshold, status int }{{0, 200}, {4, 200}, {3, 403}, {1, 403}} {
		if o := do(t, provision(t, &Handler{InboundThreshold: c.threshold}), r()); o.status != c.status || o.verdict.Score != 3 {
			t.Errorf("threshold %d: status %d, %+v", c.threshold, o.status, o.verdict)
		}
	}
	if text := filled(&Handler{OutboundThreshold: 7}).directives(); !strings.Contains(text, "tx.inbound_anomaly_score_threshold=5,setvar:tx.outbound_anomaly_score_threshold=7") {
		t.Error("the outbound threshold is not set")
	}
	if o := do(t, provision(t, &Handler{InboundThreshold: 100}), request("GET", "/x"+sqliQuery, "", "")); !o.reached || o.verdict.Score < 5 {
		t.Errorf("%+v", o)
	}
}

func filled(h *Handler) *Handler {
	h.defaults()
	return h
}
