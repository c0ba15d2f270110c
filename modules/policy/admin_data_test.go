package policy

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// switched is a policy that allows what its data says.
func switched(t testing.TB) (folder string) {
	t.Helper()
	folder = write(t, "default decision := {\"allow\": false}\n\ndecision := {\"allow\": true} if data.switch.on == true")
	if err := os.WriteFile(filepath.Join(folder, "data.json"), []byte(`{"switch": {"on": false}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestDataRoutes(t *testing.T) {
	dir := t.TempDir()
	if err := load(dir, `{"folder": "`+switched(t)+`"}`); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t)
	a := running(t)
	for range 2 { // the second time from memory, which must not outlive the data
		if a.Decide(context.Background(), anyone).Allow {
			t.Fatal("allowed at first")
		}
	}
	for _, c := range []struct {
		method, path, kind, body string
		code                     int
		answer                   string
	}{
		{"GET", "/switch/on", "", "", 200, "false"},
		{"GET", "", "", "", 200, "[]"},
		{"GET", "/", "", "", 200, `{"switch":{"on":false}}`},
		{"GET", "/nothing", "", "", 404, "nothing at this path"},
		{"PUT", "/switch", "application/json", `{"on": true}`, 200, `"revision"`},
		{"GET", "/switch/on", "", "", 200, "true"},
		{"PATCH", "/switch", jsonPatch, `[{"op": "add", "path": "/n", "value": 1}]`, 200, `"revision"`},
		{"PATCH", "/switch", mergePatch + "; charset=utf-8", `{"n": 2}`, 200, `"revision"`},
		{"GET", "/switch", "", "", 200, `{"n":2,"on":true}`},
		{"PATCH", "/switch", "application/json", `{"n": 3}`, 415, "a patch is"},
		{"PATCH", "/nothing", mergePatch, `{"n": 3}`, 404, ""},
		{"PUT", "/gateway/decision", "", `{"allow": true}`, 422, ""},
		{"PUT", "/a%2Fb/c", "", `1`, 200, ""},
		{"GET", "/a%2Fb/c", "", "", 200, "1"},
		{"GET", "/a/b/c", "", "", 404, ""},
		{"PUT", "/%2E%2E/%2E", "", `7`, 200, ""},
		{"GET", "/%2E%2E/%2E", "", "", 200, "7"},
		{"PUT", "/a%00b", "", `1`, 400, "no name"},
		{"PUT", "/", "", `{}`, 422, "name a path"},
		{"PUT", "/x", "", `{`, 422, "no JSON"},
		{"DELETE", "/%2E%2E", "", "", 200, ""},
		{"DELETE", "/%2E%2E", "", "", 404, "nothing was pushed"},
		{"POST", "/x", "", `1`, 405, ""},
		{"GET", "", "", "", 200, `[{"path":"a~1b/c","bytes":1,`},
	} {
		code, answer := askAs(t, c.method, dataRoute+c.path, c.kind, c.body)
		if code != c.code || !strings.Contains(answer, c.answer) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, code, answer)
		}
	}
	if !a.Decide(context.Background(), anyone).Allow {
		t.Error("it does not decide")
	}
	eventually(t, "all is told", func() bool { return strings.Count(eventFile(t, dir), `"event.action":"policy-data"`) >= 10 })
	told := eventFile(t, dir)
	for _, want := range []string{`"gateway.policy.path":"a~1b/c"`, `"gateway.policy.data":true`, `"event.reason":"the data was not taken"`} {
		if !strings.Contains(told, want) {
			t.Errorf("%s is not told", want)
		}
	}
	if err := a.ground.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if code, answer := ask(t, "PUT", dataRoute+"/x", "1"); code != http.StatusServiceUnavailable {
		t.Error(code, answer)
	}
}

// The commands against a running gateway's admin address.
func TestDataCommands(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir, folder := t.TempDir(), switched(t)
	if err := caddy.Load([]byte(`{"admin": {"listen": "`+address+`", "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "PANIC"}}},
		"apps": {"gateway": {"dir": "`+dir+`"}, "gw_policy": {"folder": "`+folder+`"}}}`), true); err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t)
	a := running(t)
	run := func(stdin string, args ...string) (string, error) {
		return try(stdin, append(append([]string{"data"}, args...), "--address", address)...)
	}
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{`{"on": true}`, []string{"put", "switch", "-"}, "revision "},
		{"", []string{"get", "switch/on"}, "true\n"},
		{`{"n": 1}`, []string{"patch", "switch", "-"}, "revision "},
		{` [{"op": "replace", "path": "/n", "value": 2}]`, []string{"patch", "switch", "-"}, "revision "},
		{"", []string{"get", "/switch"}, "{\n  \"n\": 2,\n  \"on\": true\n}"},
		{`1`, []string{"put", "../a b/ä~1ö", "-"}, "revision "},
		{"", []string{"get", "../a b/ä~1ö"}, "1"},
		{"", []string{"list"}, "switch  "},
		{"", []string{"list", "--json"}, `"path":"switch"`},
		{"", []string{"rm", ".."}, "revision "},
		{"", []string{"get"}, `"switch": {`},
	} {
		said, err := run(c.stdin, c.args...)
		if err != nil || !strings.Contains(said, c.want) {
			t.Errorf("%v: %s %v", c.args, said, err)
		}
	}
	if !a.Decide(context.Background(), anyone).Allow {
		t.Error("it does not decide")
	}
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"get", "nothing"}, "the gateway refuses: there is nothing at this path"},
		{"{}", []string{"patch", "nothing", "-"}, "the gateway refuses: there is nothing at this path"},
		{"{", []string{"put", "x", "-"}, "- is no JSON"},
		{"1", []string{"put", "gateway/decision", "-"}, "the gateway refuses: it can't be pushed"},
		{"1", []string{"put", "a//b", "-"}, "is no name"},
		{"1", []string{"put", "x", "/no/such"}, "no such file"},
		{"", []string{"rm", "x"}, "nothing was pushed there"},
	} {
		if said, err := run(c.stdin, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %s %v", c.args, said, err)
		}
	}
	if said, err := try("", "status", "--address", address); err != nil || !strings.Contains(said, a.Revision()) {
		t.Error(said, err)
	}
	if said, err := try("", "reload", "--address", address); err != nil || !strings.Contains(said, a.Revision()) {
		t.Error(said, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "b.rego"), []byte("package {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := try("", "reload", "--address", address); err == nil || !strings.Contains(err.Error(), "b.rego:1") {
		t.Error(err)
	}
	if _, err := try("", "status", "--address", "127.0.0.1:1"); err == nil {
		t.Error("nobody answers, yet it succeeds")
	}
}
