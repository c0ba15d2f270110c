package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func init() { caddy.RegisterModule(testPeople{}) }

// testPeople stands for the app gw_identity: it knows ursula.
type testPeople struct{}

func (testPeople) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_identity", New: func() caddy.Module { return new(testPeople) }}
}
func (*testPeople) Start() error { return nil }
func (*testPeople) Stop() error  { return nil }
func (*testPeople) Describe(_ context.Context, name string, _ bool) (*reqctx.Identity, error) {
	if name != "ursula" {
		return nil, errors.New("account not found")
	}
	return person("ursula", "user"), nil
}
func (p *testPeople) DescribeID(ctx context.Context, id string, mfa bool) (*reqctx.Identity, error) {
	return p.Describe(ctx, strings.TrimPrefix(id, "id-"), mfa)
}

// explaining is a running gateway with one handler: DELETE of /x/ID asks for message:delete on message:ID.
func explaining(t *testing.T) (*App, string) {
	t.Helper()
	dir := t.TempDir()
	err := caddy.Load([]byte(fmt.Sprintf(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "PANIC"}}},
		"apps": {"gateway": {"dir": %q}, "gw_policy": {}, "gw_identity": {}}}`, dir)), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	a := running(t)
	a.OnExplain("chat", func(r *http.Request, direction string, message []byte) (engine.Input, bool, error) {
		rc := reqctx.From(r.Context())
		in := engine.Input{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Host: r.Host, Identity: rc.Identity, Client: rc.Client, Permission: "app:read"}
		id, listed := strings.CutPrefix(r.URL.Path, "/x/")
		switch {
		case id == "bad":
			return in, true, errors.New("a value can't name a thing")
		case listed:
			in.Route, in.Permission, in.Resource = "DELETE /x/{id}", "message:delete", engine.Object{Type: "message", ID: id}
		}
		if direction != "" {
			in.Message = &engine.Message{Type: string(message), Direction: direction}
		}
		return in, listed, nil
	})
	return a, dir
}

func answers(t *testing.T, code int, answer string) []explained {
	t.Helper()
	var got struct{ Answers []explained }
	if err := json.Unmarshal([]byte(answer), &got); code != http.StatusOK || err != nil || len(got.Answers) == 0 {
		t.Fatalf("%d %s: %v", code, answer, err)
	}
	return got.Answers
}

// What is granted now decides what is explained, and the rule is named.
func TestServeExplain(t *testing.T) {
	a, _ := explaining(t)
	const q = `{"request": {"method": "DELETE", "path": "/x/1"}, "who": {"name": "ursula", "ip": "192.0.2.1"}}`
	ask1 := func(q string) explained {
		t.Helper()
		code, answer := ask(t, "POST", "/gateway/policy/explain", q)
		return answers(t, code, answer)[0]
	}
	x := ask1(q)
	if x.Handler != "chat" || x.Decision.Allow || x.Decision.Reason == "" || x.Explanation.Rule() == "" || len(x.Explanation.Tried) == 0 || x.Revision != a.Revision() || x.From != builtIn {
		t.Errorf("%+v %+v", x, x.Decision)
	}
	if err := a.Apply(t.Context(), []grant.Grant{
		{Subject: "ursula", Relation: "author", Object: "message:1"}, {Subject: "room:a", Relation: grant.Parent, Object: "message:1"}, {Subject: "ursula", Relation: "member", Object: "room:a"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	x = ask1(q)
	if !x.Decision.Allow || !strings.HasPrefix(x.Explanation.Rule(), "messages.rego:") || !strings.Contains(string(x.Input), `"author"`) || len(x.Explanation.Tried) > 0 {
		t.Errorf("%+v %+v", x, x.Decision)
	}
	// The input that it says is the one that decides.
	if y := ask1(`{"input": ` + string(x.Input) + `}`); !y.Decision.Allow || y.Digest != x.Digest || y.Explanation.Rule() != x.Explanation.Rule() {
		t.Errorf("%+v", y)
	}
	if y := ask1(strings.Replace(q, `"who"`, `"bare": true, "who"`, 1)); y.Decision != nil || string(y.Input) != string(x.Input) {
		t.Errorf("%+v", y)
	}
	if y := ask1(strings.Replace(q, `/x/1`, `/x/1?a=1&a=%zz;`, 1)); !y.Decision.Allow || strings.Contains(string(y.Input), "query") { // the shipped policy does not read it
		t.Errorf("%+v", y)
	}
	if y := ask1(strings.Replace(q, `/x/1`, `/x/1?a=1&a=%202`, 1)); !strings.Contains(string(y.Input), `"query":{"a":["1"," 2"]}`) || y.Digest == x.Digest {
		t.Errorf("%+v", y)
	}
	if y := ask1(strings.Replace(q, `"who"`, `"trace": true, "who"`, 1)); len(y.Explanation.Trace) == 0 {
		t.Error("no trace")
	}
	if y := ask1(strings.Replace(q, `/x/1`, `/x/bad`, 1)); y.Unasked == "" || y.Decision != nil {
		t.Errorf("%+v", y)
	}
	if y := ask1(strings.Replace(q, `/x/1`, `/y`, 1)); !y.Unlisted || !y.Decision.Allow {
		t.Errorf("%+v", y)
	}
	if y := ask1(`{"past": {"method": "DELETE", "path": "/x/1", "permission": "message:delete", "resource": "message:1"}, "who": {"subject": "id-ursula"}}`); !y.Decision.Allow || y.Digest == "" {
		t.Errorf("%+v", y)
	}
	if y := ask1(`{"request": {"method": "GET", "path": "/x/1", "direction": "in", "message": "dHlwaW5n"}, "who": {"name": "petra", "roles": ["moderator"]}}`); !strings.Contains(string(y.Input), `"type":"typing"`) || !y.Decision.Allow {
		t.Errorf("%s %+v", y.Input, y.Decision)
	}
}

func TestServeExplainRefuses(t *testing.T) {
	explaining(t)
	for _, q := range []string{
		``, `{}`, `[]`, `{"nonsense": 1}`, `{"input": 1}`, `{"input": [1]}`, `{"request": {"method": "GET", "path": ":"}}`, `{"request": {"method": "GET", "path": "x"}}`,
		`{"request": {"method": "GET", "path": "/"}, "who": {"name": "nobody"}}`, `{"request": {"method": "GET", "path": "/"}, "who": {"ip": "x"}}`,
		`{"request": {"method": "GET", "path": "/", "handler": "other"}}`,
	} {
		if code, answer := ask(t, "POST", "/gateway/policy/explain", q); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", q, code, answer)
		}
	}
	if code, _ := ask(t, "POST", "/gateway/policy/explain", strings.Repeat(" ", mostQuestion+1)); code != http.StatusRequestEntityTooLarge {
		t.Error(code)
	}
}

func FuzzExplainInput(f *testing.F) {
	for _, s := range []string{`{}`, `{"a": 1e999}`, `[`, `{"a":"\ud800"}`, `{"request": {"permission": "app:read"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := parseInput(raw)
		if err != nil {
			return
		}
		if _, err := documentJSON(doc); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

// adminAt serves the admin API on a loopback port.
func adminAt(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		code, answer := ask(t, r.Method, r.URL.Path, string(raw))
		if code != http.StatusOK {
			raw, _ := json.Marshal(map[string]string{"error": answer})
			answer = string(raw)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// The command says the same as the gateway, and what a candidate would say in its place.
func TestExplainCommand(t *testing.T) {
	a, dir := explaining(t)
	address := adminAt(t)
	code, out := tool(t, "", "explain", "--address", address, "--user", "ursula", "DELETE", "/x/1")
	if code != 3 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "DELETE /x/1 by ursula (user)", "route: DELETE /x/{id} (chat)", "permission: message:delete", "resource: message:1 — nothing granted", "policy: built in, revision "+a.Revision(),
		"denied: ", "← decides", "What would have allowed it", "✗ ", "messages.rego:")

	raw := "DELETE /x/1 HTTP/1.1\nHost: h\n\n"
	if code, out := tool(t, raw, "explain", "--address", address, "--user", "ursula", "-"); code != 3 || !strings.Contains(out, "denied: ") {
		t.Errorf("%d: %s", code, out)
	}

	candidate := filepath.Join(t.TempDir(), "candidate")
	if err := os.Mkdir(candidate, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(candidate, "all.rego")
	if err := os.WriteFile(file, []byte("package gateway\n\ndecision := {\"allow\": true, \"reason\": \"all may\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = tool(t, "", "explain", "--address", address, "--user", "ursula", "--policy", candidate, "DELETE", "/x/1")
	if code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "policy: "+candidate, "allowed: all may", file+":3  gateway.decision  ← decides")

	// A query reaches the candidate as it would reach the policy, also in a raw request; one without one reading is refused.
	asking := filepath.Join(t.TempDir(), "asking")
	if err := os.Mkdir(asking, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(asking, "q.rego"), []byte("package gateway\n\ndecision := {\"allow\": true, \"reason\": \"the first\"} if input.request.query.page[0] == \"1\"\n\ndecision := {\"allow\": false, \"reason\": \"another\"} if not input.request.query.page\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"/x/1?page=1&q=a+b": "DELETE /x/1?page=1&q=a+b by ursula", "/x/1": "denied: another", "/x/1?Page=1": "refused (ambiguous): the query has a parameter", "/x/1?page=1;": "refused (ambiguous): the query was not kept",
	} {
		for stdin, args := range map[string][]string{"": {"DELETE", target}, "DELETE " + target + " HTTP/1.1\nHost: h\n\n": {"-"}} {
			code, out := tool(t, stdin, append([]string{"explain", "--address", address, "--user", "ursula", "--policy", asking}, args...)...)
			if (code == 0) != strings.Contains(target, "q=") || !strings.Contains(out, want) {
				t.Errorf("%s: %d: %s", target, code, out)
			}
		}
	}

	rewrite(t, candidate, `decision := {"allow": true, "reason": "if sealed", "obligations": {"encrypt": ["text"]}}`)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	code, out = tool(t, "", "explain", "--address", address, "--user", "ursula", "--policy", candidate, "DELETE", "/x/1")
	if code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "allowed: if sealed", "encrypt: text", "gw_authorize refuses it all the same where no gw_protect")

	code, out = tool(t, "", "explain", "--address", address, "--user", "ursula", "--json", "--trace", "DELETE", "/x/1")
	list := answers(t, http.StatusOK, out)
	if code != 3 || len(list[0].Explanation.Trace) == 0 {
		t.Errorf("%d: %s", code, out)
	}
	in := filepath.Join(dir, "in.json")
	if err := os.WriteFile(in, list[0].Input, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{in}, {"--running", "--address", address, in}} {
		if code, out := tool(t, "", append([]string{"explain"}, args...)...); code != 3 || !strings.Contains(out, "denied: "+list[0].Decision.Reason) {
			t.Errorf("%v: %d: %s", args, code, out)
		}
	}
	for _, args := range [][]string{
		{}, {"a", "b", "c"}, {"--at", "noon", "GET", "/"}, {"--address", "127.0.0.1:1", "GET", "/"}, {filepath.Join(dir, "nothing")}, {"--event", "x"}, {"--event", "x", dir},
		{"--running", "--policy", candidate, in}, {"--address", address, "--user", "nobody", "GET", "/"}, {"--body", filepath.Join(dir, "nothing"), "GET", "/"},
	} {
		if code, out := tool(t, "", append([]string{"explain"}, args...)...); code != 1 {
			t.Errorf("%v: %d: %s", args, code, out)
		}
	}
}

// A decision is found in the events by the id of its request, and explained again.
func TestExplainEvent(t *testing.T) {
	a, dir := explaining(t)
	address := adminAt(t)
	in := &engine.Input{RequestID: "REQ1", Method: "DELETE", Path: "/x/1", Route: "DELETE /x/{id}", Permission: "message:delete", Identity: person("ursula", "user"), Resource: engine.Object{Type: "message", ID: "1"}}
	d := a.Decide(t.Context(), in)
	var out string
	var code int
	events := filepath.Join(dir, "events")
	until(t, "the event is explained", func() bool {
		code, out = tool(t, "", "explain", "--address", address, "--event", "REQ1", events)
		return code == 3
	})
	wants(t, out, "DELETE /x/1 by ursula (user)", "then: denied: "+d.Reason+", by ", ", revision "+a.Revision(), "denied: "+d.Reason, "← decides")
	if strings.Contains(out, "the input is not what it was") {
		t.Errorf("%s", out)
	}
	if err := a.Apply(t.Context(), []grant.Grant{{Subject: "ursula", Relation: "viewer", Object: "message:1"}}, nil); err != nil {
		t.Fatal(err)
	}
	code, out = tool(t, "", "explain", "--address", address, "--event", "REQ1", events)
	if code != 3 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "the input is not what it was")

	// An event with the input needs no gateway.
	code, out = tool(t, `{"event.action":"policy-decision","http.request.id":"R","gateway.decision.id":"D","gateway.decision.reason":"x","gateway.decision.input":{"request":{"permission":"none"}},"gateway.decision.masked":["/a"]}`, "explain", "--event", "D", "-")
	if code != 3 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "permission: none", "denied: closed to everyone", "the log hides: /a")
}

// What the gateway refuses by itself no candidate allows.
func TestExplainElsewhereByACandidate(t *testing.T) {
	a, _ := explaining(t)
	if err := a.Apply(t.Context(), []grant.Grant{{Subject: "room:a", Relation: grant.Parent, Object: "message:1"}}, nil); err != nil {
		t.Fatal(err)
	}
	code, out := tool(t, `{"event.action":"policy-decision","user.id":"id-ursula","gateway.decision.id":"D","gateway.decision.permission":"message:delete","gateway.decision.resource":"message:1","gateway.decision.parent":"room:b"}`,
		"explain", "--address", adminAddress(t), "--policy", write(t, `decision := {"allow": true, "reason": "all"}`), "--event", "D", "-")
	if code != 3 {
		t.Errorf("%d", code)
	}
	wants(t, out, "denied: "+elsewhere)
}

// What was captured is explained as of its time and measured, without a running gateway.
func TestCapturedInputs(t *testing.T) {
	dir := asked(t)
	policy := write(t, owners)
	code, out := tool(t, "", "explain", "--captured", "--data", dir, "--event", "R-petra", "--policy", policy)
	if code != 3 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "then: denied: no grant, by a.rego:", "denied: no grant", filepath.Join(policy, "a.rego")+":", "← decides", `input.grants.resource = []`)
	code, out = tool(t, "", "bench", "--captured", "--data", dir, "--policy", policy, "--time", "2ms")
	if code != 0 {
		t.Errorf("%d: %s", code, out)
	}
	wants(t, out, "room:read", "allowed, owner", "denied, no grant")
	for _, args := range [][]string{{"explain", "--captured", "--data", dir}, {"explain", "--captured", "--data", dir, "--event", "nobody's"}, {"explain", "--captured", "--data", t.TempDir(), "--event", "R-petra"}, {"bench", "--captured", "--data", t.TempDir()}} {
		if code, out := tool(t, "", args...); code != 1 {
			t.Errorf("%v: %d: %s", args, code, out)
		}
	}
}
