package waf

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

func TestValidate(t *testing.T) {
	for _, h := range []Handler{
		{Mode: "on"}, {Paranoia: 5}, {BodyLimit: -1}, {BodyLimit: 2, UploadLimit: 1}, {UploadLimit: 1 << 31}, {BodyTimeout: -1}, {ExcludeRules: []int{0}},
		{ExcludeFields: []FieldExclusion{{Path: "/x\" \"id:1", Fields: []string{"a"}}}}, {ExcludeFields: []FieldExclusion{{Path: "/x", Fields: []string{"a,deny"}}}},
		{ExcludeFields: []FieldExclusion{{Path: "/x"}}}, {RulesFiles: []string{"a\nSecRuleEngine Off"}},
	} {
		h.defaults()
		if err := h.Validate(); err == nil {
			t.Errorf("%+v is valid", h)
		}
	}
}

func FuzzCaddyfile(f *testing.F) {
	f.Add("gw_waf {\n\tmode block\n\tparanoia 2\n\tbody_limit 1MiB\n\texclude 1 2\n\texclude_field /a* b\n}")
	f.Add("gw_waf { body_timeout 1s\n upload_limit 2GB }")
	f.Fuzz(func(t *testing.T, in string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(in)) != nil {
			return
		}
		h.defaults()
		if h.Validate() == nil && strings.Count(h.directives(), "SecRuleEngine") != 1+strings.Count(strings.Join(h.RulesFiles, " "), "SecRuleEngine") {
			t.Errorf("%q writes directives of its own", in)
		}
	})
}
