package arch

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/modfile"
)

// manifest is xcaddy.toml.
type manifest struct {
	Caddy   string   `toml:"caddy"`
	Package string   `toml:"package"`
	Modules []string `toml:"modules"`
}

func TestManifestIsTheBuild(t *testing.T) {
	var m manifest
	meta, err := toml.DecodeFile(filepath.Join(root, "xcaddy.toml"), &m)
	if err != nil {
		t.Fatal(err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		t.Errorf("xcaddy.toml has keys that nobody reads: %v", extra)
	}
	if m.Package != modules+"standard" {
		t.Errorf("xcaddy.toml: package = %q, want %q", m.Package, modules+"standard")
	}
	if want := required(t, caddy); m.Caddy != want {
		t.Errorf("xcaddy.toml: caddy = %q, go.mod has %q", m.Caddy, want)
	}
	got, want := slices.Clone(m.Modules), imported(t, filepath.Join(root, "modules", "standard", "imports.go"))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("xcaddy.toml names\n%q\nmodules/standard/imports.go\n%q", got, want)
	}
}

// What lies in modules/ is in the build.
func TestStandardIsEveryModule(t *testing.T) {
	got := imported(t, filepath.Join(root, "modules", "standard", "imports.go"))
	for _, p := range packages(t) {
		if k, _ := place(p.ImportPath); k == top && !slices.Contains(got, p.ImportPath) {
			t.Errorf("%s is not imported by modules/standard", p.ImportPath)
		}
	}
}

// required is the version of a module that go.mod requires.
func required(t *testing.T, module string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse("go.mod", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Mod.Version
		}
	}
	t.Fatalf("go.mod does not require %s", module)
	return ""
}

func imported(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
	}
	return all
}
