package waf

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func shaped(method, target, host string, minor int) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Method, r.RequestURI, r.Host, r.ProtoMajor, r.ProtoMinor = method, target, host, 1, minor
	return r
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		method, target, host string
		minor                int
		want                 bool
	}{
		{"GET", "/", "chat.example.com", 1, false},
		{"GET", "/a?b=%23", "chat.example.com:8443", 1, false},
		{"GET", "/%23a", "[2001:db8::1]:443", 1, false},
		{"GET", "/a#b", "chat.example.com", 1, true},
		{"GET", "/a?b#c", "chat.example.com", 1, true},
		{"GET", "/", "chat%00.example.com", 1, true},
		{"GET", "/", "", 1, true},
		{"GET", "/", "", 0, false},
		{"OPTIONS", "*", "chat.example.com", 1, false},
		{"CONNECT", "192.0.2.1:80", "192.0.2.1:80", 1, false},
		{"CONNECT", "www.example.com", "www.example.com", 1, true},
		{"CONNECT", "www.example.com:", "www.example.com:", 1, true},
	} {
		if got := malformed(shaped(c.method, c.target, c.host, c.minor)); got != c.want {
			t.Errorf("%s %s, host %q: %v", c.method, c.target, c.host, got)
		}
	}
}

// What is malformed is refused, and the rules have seen it all the same.
func TestMalformedIsRefusedAfterTheRules(t *testing.T) {
	r := request("GET", "/?q=1", "", "")
	r.Host = "chat%41.example.com"
	if o := do(t, provision(t, &Handler{}), r); o.status != 400 || o.reached || o.verdict == nil {
		t.Errorf("%+v", o)
	}
	if o := do(t, provision(t, &Handler{Mode: Detect}), r); o.status != 200 || !o.reached {
		t.Errorf("detect: %+v", o)
	}
	r = request("GET", "/", "", "")
	r.RequestURI = "/?q=<script>alert(1)</script>#fragment"
	if o := do(t, provision(t, &Handler{}), r); o.status != 403 || !o.verdict.Blocked || !slices.Contains(o.verdict.Rules, 941100) {
		t.Errorf("an attack: %+v", o)
	}
}

func TestExplainNamesThePlaceAndNotTheValue(t *testing.T) {
	h := provision(t, &Handler{})
	core, logs := observer.New(zapcore.DebugLevel)
	h.logger = zap.New(core)
	do(t, h, request("POST", "/x", "application/json", `{"text":"<script>alert('hush')</script>"}`))
	found := false
	for _, l := range logs.FilterMessage("rule matched").All() {
		for k, v := range l.ContextMap() {
			if s, ok := v.([]any); ok && k == "found_in" {
				found = found || slices.Contains(s, any("ARGS:json.text"))
				if slices.ContainsFunc(s, func(p any) bool { return len(p.(string)) > maxPlace }) {
					t.Errorf("too long: %v", s)
				}
			}
		}
	}
	if !found {
		t.Errorf("no place named: %v", logs.All())
	}
	core, logs = observer.New(zapcore.InfoLevel)
	h.logger = zap.New(core)
	do(t, h, request("POST", "/x", "application/json", `{"text":"<script>alert('hush')</script>"}`))
	if logs.Len() > 0 {
		t.Errorf("logged without being asked: %v", logs.All())
	}
}
