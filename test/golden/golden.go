// Package golden holds Caddyfiles to the JSON they must give.
package golden

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

var update = flag.Bool("update", false, "write the JSON of the goldens anew")

const dashes = "\n----------\n"

// Caddyfiles runs testdata/*.caddyfiletest of the package under test. Each file is a Caddyfile, a line of dashes, and
// the JSON it must give, or "error: " and a part of the message.
func Caddyfiles(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) { check(t, name) })
	}
}

func check(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	in, want, ok := strings.Cut(string(b), dashes)
	if !ok {
		t.Fatal("no line of dashes")
	}
	want = strings.TrimSpace(want)
	got, warnings, err := adapt(in + "\n")
	if message, isError := strings.CutPrefix(want, "error: "); isError {
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Fatalf("got error %v, want %s", err, message)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Error(w)
	}
	pretty := new(bytes.Buffer)
	if err := json.Indent(pretty, got, "", "\t"); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(name, []byte(in+dashes+pretty.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if pretty.String() != want {
		t.Errorf("got:\n%s", pretty)
	}
	var c caddy.Config
	if err := caddy.StrictUnmarshalJSON(got, &c); err != nil {
		t.Error(err)
	}
}

// Adapt turns a Caddyfile into JSON, as `convosphere adapt` does. Errors call the file "Caddyfile".
func Adapt(config string) ([]byte, error) {
	out, _, err := adapt(config)
	return out, err
}

func adapt(config string) ([]byte, []caddyconfig.Warning, error) {
	return caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}.Adapt([]byte(config), map[string]any{"filename": "Caddyfile"})
}
