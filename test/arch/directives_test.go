package arch

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	caddyv2 "github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/convosphere/gateway/modules/standard"
)

// directives reads the list in internal/order, which tests can't import.
func directives(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "modules", "internal", "order", "order.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && strings.HasPrefix(s, "gw_") {
				all = append(all, s)
			}
		}
		return true
	})
	if len(all) == 0 {
		t.Fatal("internal/order lists no directive")
	}
	return all
}

func TestEveryDirectiveIsRegistered(t *testing.T) {
	for _, d := range directives(t) {
		_, err := adapt([]byte(":80 {\n\t"+d+"\n}\n"), "Caddyfile")
		if err != nil && strings.Contains(err.Error(), "unrecognized directive") {
			t.Errorf("internal/order lists %s, but nothing registers it: %v", d, err)
		}
		if d == "gw_secure" {
			continue // expands to the others
		}
		if _, err := caddyv2.GetModule("http.handlers." + d); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
}

func TestEveryHandlerHasItsPages(t *testing.T) {
	for _, d := range directives(t) {
		dir := filepath.Join(root, "modules", strings.ReplaceAll(strings.TrimPrefix(d, "gw_"), "_", ""))
		for _, name := range []string{"doc.go", "README.md"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s: %v", d, err)
			}
		}
		b, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err == nil && !bytes.Contains(b, []byte(d)) {
			t.Errorf("%s: its README does not name it", d)
		}
	}
}

// A directive that is registered but not in the order would have to be ordered by every user. Handlers without a
// directive are parts of gw_secure.
func TestEveryDirectiveIsInTheOrder(t *testing.T) {
	known := map[string]bool{}
	for _, d := range directives(t) {
		known["http.handlers."+d] = true
	}
	for _, id := range caddyv2.Modules() {
		if !strings.HasPrefix(id, "http.handlers.gw_") || known[id] {
			continue
		}
		d := strings.TrimPrefix(id, "http.handlers.")
		if _, err := adapt([]byte(":80 {\n\t"+d+"\n}\n"), "Caddyfile"); err == nil || !strings.Contains(err.Error(), "unrecognized directive") {
			t.Errorf("%s is a directive but not in internal/order", d)
		}
	}
}

// What gw_waf knows, it knows within gw_secure.
func TestSecureTakesTheWordsOfTheWAF(t *testing.T) {
	const words = "mode detect at /uploads/*\n exclude 942100 on ARGS:text at /api/rooms/*/messages\n"
	b, err := adapt([]byte(":80 {\n\tgw_secure {\n\t\twaf {\n"+words+"\t\t}\n\t}\n}\n"), "Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"modes":[{"at":["/uploads/*"],"mode":"detect"}]`, `"exclusions":[{"at":["/api/rooms/*/messages"],"on":["ARGS:text"],"rules":["942100"]}`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// env is what the shipped Caddyfiles read.
var env = map[string]string{
	"GW_LISTEN": "127.0.0.1:18080", "GW_UPSTREAM": "127.0.0.1:19000", "GW_BIND": "127.0.0.1", "GW_PORT": "18443", "GW_KEYS": "keys",
	"GW_REDIS": "redis://127.0.0.1:6379", "GW_POSTGRES": "postgres://gateway@127.0.0.1/gateway",
	"GW_FILES": filepath.Join(root, "caddyfiles"),
}

// Operators of what is copied from production.Caddyfile can't take their last second factor away, which would leave a password between a thief and all accounts.
func TestProductionAsksOperatorsForASecondFactor(t *testing.T) {
	for k, v := range env {
		t.Setenv(k, v)
	}
	file := filepath.Join(root, "caddyfiles", "production.Caddyfile")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := adapt(b, file)
	if err != nil || !bytes.Contains(adapted, []byte(`"second_factor":{"required":["admin","moderator"]}`)) {
		t.Errorf("%v: %s", err, adapted)
	}
}

func TestCaddyfilesAdaptAndAreFormatted(t *testing.T) {
	for k, v := range env {
		t.Setenv(k, v)
	}
	t.Setenv("GW_DATA", t.TempDir())
	files := shipped(t)
	for _, want := range []string{"demo.Caddyfile", "production.Caddyfile", "cluster.Caddyfile", "plain.Caddyfile", "waf-only.Caddyfile"} {
		if !files[filepath.Join(root, "caddyfiles", want)] {
			t.Errorf("caddyfiles/%s is missing", want)
		}
	}
	for file, whole := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(caddyfile.Format(b), b) {
			t.Errorf("%s is not as `convosphere fmt` writes it", file)
		}
		// Caddy ends {$A:{$B}} at the first bracket: the default would be text that nobody meant.
		if nested.Match(b) {
			t.Errorf("%s: a variable within the default of another: %s", file, nested.Find(b))
		}
		if !whole {
			continue
		}
		adapted, err := adapt(b, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var c caddyv2.Config
		if err := json.Unmarshal(adapted, &c); err != nil {
			t.Errorf("%s gives JSON that is no configuration: %v", file, err)
		}
	}
}

var nested = regexp.MustCompile(`\{\$[^}]*\{\$.*`)

// The two measuring profiles differ in the WAF alone.
func TestMeasuringProfilesDifferInTheWAFAlone(t *testing.T) {
	for k, v := range env {
		t.Setenv(k, v)
	}
	lines := func(name string) []string {
		b, err := os.ReadFile(filepath.Join(root, "caddyfiles", name))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for l := range strings.Lines(string(b)) {
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") && l != "gw_waf" {
				all = append(all, l)
			}
		}
		return all
	}
	plain, waf := lines("plain.Caddyfile"), lines("waf-only.Caddyfile")
	if strings.Join(plain, "\n") != strings.Join(waf, "\n") {
		t.Errorf("plain.Caddyfile\n%q\nwaf-only.Caddyfile\n%q", plain, waf)
	}
}

// shipped lists our Caddyfiles; true: a whole one, false: a piece that others import.
func shipped(t *testing.T) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	for _, dir := range []string{"caddyfiles", filepath.Join("test", "bench")} {
		for ext, whole := range map[string]bool{"*.Caddyfile": true, "*.caddy": false} {
			found, err := filepath.Glob(filepath.Join(root, dir, ext))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				files[f] = whole
			}
		}
	}
	return files
}

// adapt turns a Caddyfile into JSON, as `convosphere adapt` does.
func adapt(b []byte, file string) ([]byte, error) {
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(b, map[string]any{"filename": file})
	return out, err
}
