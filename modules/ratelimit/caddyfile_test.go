package ratelimit

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

var update = flag.Bool("update", false, "write the JSON of the goldens anew")

// Each file is a Caddyfile, a line of dashes, and the JSON it must give, or "error:" and a part of the message.
func TestCaddyfiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := strings.Cut(string(b), "\n----------\n")
			if !ok {
				t.Fatal("no line of dashes")
			}
			want = strings.TrimSpace(want)
			got, warnings, err := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}.Adapt([]byte(in+"\n"), map[string]any{"filename": "Caddyfile"})
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
				if err := os.WriteFile(name, []byte(in+"\n----------\n"+pretty.String()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if pretty.String() != want {
				t.Errorf("got:\n%s", pretty)
			}
			var c caddy.Config
			if err := caddy.StrictUnmarshalJSON(got, &c); err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzCaddyfile(f *testing.F) {
	f.Add("gw_rate_limit {\n\tzone login {\n\t\tmatch POST /auth/*\n\t\tkey user host\n\t\trate 10/1m\n\t\tburst 20\n\t\ton_failure open\n\t}\n\tzone mfa off\n\tsockets 5\n}")
	f.Add("gw_rate_limit {\n\tdefaults off\n\tstore_timeout 20ms\n}")
	f.Fuzz(func(t *testing.T, in string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)) != nil || h.compile() != nil {
			return
		}
		for _, z := range h.requests {
			z.matches("GET", "/a/b")
		}
	})
}
