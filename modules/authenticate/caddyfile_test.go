package authenticate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func adapt(t *testing.T, in string) ([]byte, error) {
	t.Helper()
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(in), map[string]any{"filename": "Caddyfile"})
	return out, err
}

// handlerOf returns the JSON of the first handler that is ours.
func handlerOf(t *testing.T, adapted []byte) string {
	t.Helper()
	var found map[string]any
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if name, _ := v["handler"].(string); strings.HasPrefix(name, "gw_") && found == nil {
				found = v
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	var v any
	if err := json.Unmarshal(adapted, &v); err != nil {
		t.Fatal(err)
	}
	walk(v)
	out, err := json.MarshalIndent(found, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestCaddyfileGoldens(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in, want, _ := strings.Cut(string(raw), "----------\n")
		out, err := adapt(t, in)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if got := handlerOf(t, out); got != strings.TrimSpace(want) {
			t.Errorf("%s: got\n%s", file, got)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for in, want := range map[string]string{
		"gw_authenticate foo":                                 "Caddyfile:2",
		"gw_authenticate {\n\t\torigin https://a\n\t}":        `unknown subdirective "origin"`,
		"gw_authenticate {\n\t\torigins\n\t}":                 "Caddyfile:3",
		"gw_authenticate {\n\t\torigins app.example.com\n\t}": `origins: "app.example.com" is not an origin`,
		"gw_authenticate {\n\t\torigins https://a/path\n\t}":  "is not an origin",
		"gw_authenticate {\n\t\torigins *\n\t}":               "is not an origin",
		"gw_authenticate {\n\t\tlogin_url\n\t}":               "Caddyfile:3",
		"gw_authenticate {\n\t\tfail_budget 20\n\t}":          "Caddyfile:3",
		"gw_authenticate {\n\t\tfail_budget none 5\n\t}":      "is not a count",
		"gw_authenticate {\n\t\tfail_budget 20 0\n\t}":        "is not a number a second",
		"gw_authenticate {\n\t\tfail_budget 20 NaN\n\t}":      "is not a number a second",
	} {
		_, err := adapt(t, ":8080 {\n\t"+in+"\n}\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestUnmarshalStandsOnTheName(t *testing.T) {
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_authenticate {\n login_url off\n}")); err != nil || h.LoginURL != "off" {
		t.Errorf("%v, %+v", err, h)
	}
}
