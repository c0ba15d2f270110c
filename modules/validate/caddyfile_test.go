package validate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/test/golden"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

// An edited document makes another configuration, so that a reload takes it up.
func TestRevision(t *testing.T) {
	small, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "api.yaml")
	read := func(text string) (*Handler, error) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h := new(Handler)
		return h, h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_validate {\n openapi " + name + "\n}"))
	}
	first, err := read(string(small))
	if err != nil || first.Revision == "" {
		t.Fatal(first.Revision, err)
	}
	again, err := read(string(small))
	if err != nil || again.Revision != first.Revision {
		t.Errorf("%s %s %v", first.Revision, again.Revision, err)
	}
	edited, err := read(strings.Replace(string(small), "things", "others", 1))
	if err != nil || edited.Revision == first.Revision {
		t.Errorf("%s %v", edited.Revision, err)
	}
	for text, want := range map[string]string{
		strings.Replace(string(small), "{type: integer}", "{type: number, pattern: '(?=x)'}", 1): "(?=x)",
		strings.Replace(string(small), "3.1.0", "2.0", 1):                                        "it must be 3.0 or 3.1",
	} {
		if _, err := read(text); err == nil || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// What can be told only when all is read has the line of the option that it is about.
func TestErrorsNameTheirLine(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("openapi: 2.0.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"gw_validate {\n responses enforced\n openapi testdata/small.yaml\n}": "at Testfile:2",
		"gw_validate {\n openapi testdata/small.yaml\n scope things\n}":       "at Testfile:3",
		"gw_validate {\n openapi testdata/small.yaml\n\n depth 1000\n}":       "at Testfile:4",
		"gw_validate {\n depth 3\n scope /api\n}":                             "at Testfile:3",
		"gw_validate {\n depth 3\n messages out enforce\n}":                   "at Testfile:3",
		"gw_validate {\n depth 3\n openapi " + bad + "\n values 9\n}":         "at Testfile:3",
	} {
		if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
}

// A document that fails leaves what runs as it is; an edited one is taken up.
func TestReload(t *testing.T) {
	raw, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "api.yaml")
	load := func(text string) (*Handler, error) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		t.Cleanup(cancel)
		h := &Handler{OpenAPI: name, Responses: Off}
		return h, h.Provision(ctx)
	}
	asked := func(h *Handler, path string) int { return do(t, h, request("GET", path, "", ""), nil).status }
	running, err := load(string(raw))
	if err != nil || asked(running, "/things/1") != 200 || asked(running, "/others/1") != 404 {
		t.Fatal(err)
	}
	if _, err := load("openapi: 3.1.0\ninfo: {}\n"); err == nil || !strings.Contains(err.Error(), "not valid") {
		t.Error(err)
	}
	if asked(running, "/things/1") != 200 {
		t.Error("a failed reload changed what runs")
	}
	edited, err := load(strings.Replace(string(raw), "things", "others", 1))
	if err != nil || asked(edited, "/things/1") != 404 || asked(edited, "/others/1") != 200 || asked(running, "/things/1") != 200 {
		t.Error(err)
	}
}
