package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The screen reaches two functions of Coraza by go:linkname. The linker compares names, not types: a declaration with another signature would
// build, and read the wrong memory. So they are held here against the source of the version that go.mod pins.
func TestLinknamesHaveCorazasSignatures(t *testing.T) {
	const module = coraza + "/v3"
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v", module, err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		t.Fatalf("the source of %s is not there: go mod download", module)
	}
	ours, comments := functions(t, filepath.Join(root, "modules", "waf", "screen", "coraza.go"))
	linked := map[string]string{} // Coraza's by ours
	for _, c := range comments {
		if f := strings.Fields(c); len(f) == 3 && f[0] == "//go:linkname" {
			linked[f[1]] = f[2]
		}
	}
	for name, want := range map[string]struct{ target, file string }{
		"getTransformation": {module + "/internal/transformations.GetTransformation", "internal/transformations/transformations.go"},
		"getOperator":       {module + "/internal/operators.Get", "internal/operators/operators.go"},
	} {
		if linked[name] != want.target {
			t.Errorf("%s is linked to %q, want %s", name, linked[name], want.target)
			continue
		}
		theirs, _ := functions(t, filepath.Join(dir, filepath.FromSlash(want.file)))
		their := theirs[strings.TrimPrefix(path.Ext(want.target), ".")]
		if ours[name] == "" || their == "" {
			t.Errorf("%s: ours is %q, Coraza's %q: one of them is not there", name, ours[name], their)
		} else if ours[name] != their {
			t.Errorf("%s is declared as\n%s\nCoraza has\n%s", name, ours[name], their)
		}
		delete(linked, name)
	}
	if len(linked) > 0 {
		t.Errorf("linknames that no test knows: %v", linked)
	}
}

// What the screen knows of Coraza holds for one version.
func TestScreenKnowsThePinnedCoraza(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "modules", "waf", "screen", "coraza.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok && len(s.Names) == 1 && s.Names[0].Name == "corazaVersion" && len(s.Values) == 1 {
			if l, ok := s.Values[0].(*ast.BasicLit); ok {
				got, _ = strconv.Unquote(l.Value) // what is no text is no version either
			}
		}
		return true
	})
	if want := required(t, coraza+"/v3"); got != want {
		t.Errorf("modules/waf/screen is written for Coraza %q, go.mod has %s: run its tests against that version, then name it", got, want)
	}
}

// functions are the signatures of a file's functions without receivers, package names written as import paths, parameters without names; and
// its comments.
func functions(t *testing.T, file string) (signatures map[string]string, comments []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]string{}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		imports[name] = p
	}
	signatures = map[string]string{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil {
			continue
		}
		list := func(fields *ast.FieldList) string {
			var all []string
			if fields != nil {
				for _, p := range fields.List {
					for range max(1, len(p.Names)) {
						all = append(all, typeOf(p.Type, imports))
					}
				}
			}
			return "(" + strings.Join(all, ", ") + ")"
		}
		signatures[fn.Name.Name] = "func" + list(fn.Type.TypeParams) + list(fn.Type.Params) + " " + list(fn.Type.Results)
	}
	for _, g := range f.Comments {
		for _, c := range g.List {
			comments = append(comments, c.Text)
		}
	}
	return signatures, comments
}

// typeOf writes a type with the import paths of its packages.
func typeOf(e ast.Expr, imports map[string]string) string {
	ast.Inspect(e, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if p, ok := s.X.(*ast.Ident); ok && imports[p.Name] != "" {
				p.Name = imports[p.Name]
			}
		}
		return true
	})
	return types.ExprString(e)
}
