package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// source is what the gateway's code says, so that pages can be held to it.
type source struct {
	texts    string          // all texts of the code that is no test, one a line
	problems map[string]bool // types of problems
	tests    map[string]bool // names of tests and fuzz targets
}

// types of problems are texts in these places: a member of a problem, an assignment to it, a table by status.
var places = []string{"Type", "kind", "problem"}

var typeName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func theCode(t *testing.T) source {
	t.Helper()
	s := source{problems: map[string]bool{}, tests: map[string]bool{}}
	var texts strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, "_test.go") {
			for _, decl := range f.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok {
					s.tests[fn.Name.Name] = true
				}
			}
			return nil
		}
		if rel, err := filepath.Rel(root, path); err != nil || !strings.HasPrefix(rel, "modules") {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s.look(n, strings.Contains(path, filepath.Join("internal", "problem")), &texts)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.texts = texts.String()
	return s
}

// look takes what is of interest out of a piece of code.
func (s *source) look(n ast.Node, table bool, texts *strings.Builder) {
	text := func(e ast.Expr) (string, bool) {
		l, ok := e.(*ast.BasicLit)
		if !ok || l.Kind != token.STRING {
			return "", false
		}
		v, err := strconv.Unquote(l.Value)
		return v, err == nil
	}
	note := func(e ast.Expr) {
		if v, ok := text(e); ok && typeName.MatchString(v) {
			s.problems[v] = true
		}
	}
	switch n := n.(type) {
	case *ast.BasicLit:
		if v, ok := text(n); ok {
			texts.WriteString(v + "\n")
		}
	case *ast.CompositeLit: // Problem{Status: …, Type: "…"}
		status := slices.ContainsFunc(n.Elts, func(e ast.Expr) bool { return keyed(e, "Status", "status") != nil })
		for _, e := range n.Elts {
			if v := keyed(e, places...); v != nil && status {
				note(v)
			}
			if kv, ok := e.(*ast.KeyValueExpr); ok && table { // by status
				if l, ok := kv.Key.(*ast.BasicLit); ok && l.Kind == token.INT {
					note(kv.Value)
				}
			}
		}
	case *ast.AssignStmt: // p.Type = "…"
		for i, left := range n.Lhs {
			if sel, ok := left.(*ast.SelectorExpr); ok && slices.Contains(places, sel.Sel.Name) && len(n.Rhs) == len(n.Lhs) {
				if id, ok := sel.X.(*ast.Ident); ok && (id.Name == "p" || id.Name == "answer" || id.Name == "x") {
					note(n.Rhs[i])
				}
			}
		}
	}
}

func keyed(e ast.Expr, names ...string) ast.Expr {
	kv, ok := e.(*ast.KeyValueExpr)
	if !ok {
		return nil
	}
	if id, ok := kv.Key.(*ast.Ident); ok && slices.Contains(names, id.Name) {
		return kv.Value
	}
	return nil
}

var row = regexp.MustCompile("(?m)^\\| `([a-z-]+)`\\*? \\| ")

// Every type of problem that the gateway answers is explained, and no other.
func TestEveryProblemIsExplained(t *testing.T) {
	s := theCode(t)
	_, table, _ := strings.Cut(read(t, "docs/troubleshooting.md").text, "## What clients are answered")
	table, _, _ = strings.Cut(table, "\n## ")
	told := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		if told[m[1]] {
			t.Errorf("%s is explained twice", m[1])
		}
		told[m[1]] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.problems)) {
		if !told[name] {
			t.Errorf("docs/troubleshooting.md does not explain the problem %s", name)
		}
	}
	if len(s.problems) < 60 {
		t.Errorf("found %d types of problems", len(s.problems))
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if !strings.Contains(s.texts, "\n"+name+"\n") {
			t.Errorf("docs/troubleshooting.md explains %s, which the gateway does not answer", name)
		}
	}
}

// Every message that is explained is one of the gateway's own; … stands for what differs.
func TestEveryMessageIsTheGateways(t *testing.T) {
	s := theCode(t)
	seen := 0
	for _, head := range read(t, "docs/troubleshooting.md").heads {
		message, ok := strings.CutPrefix(head, "`")
		if !ok {
			continue
		}
		seen++
		message = strings.TrimSuffix(message, "`")
		for part := range strings.SplitSeq(message, "…") {
			if part = strings.TrimSpace(part); len(part) > 2 && !strings.Contains(s.texts, part) && !caddys(part) {
				t.Errorf("%q is explained, and nothing says %q", message, part)
			}
		}
	}
	if seen < 55 {
		t.Errorf("only %d messages", seen)
	}
}

// caddys tells whether Caddy says so of a Caddyfile that is wrong.
func caddys(part string) bool {
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":80 {\n\tno_such_directive\n}\n"), nil)
	return err != nil && strings.Contains(err.Error(), part)
}

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)`")
	metric   = regexp.MustCompile("`(gateway_[a-z_]+)(?:\\{[a-z,]*\\})?`")
)

// Every test that a page points to is there, and every metric.
func TestWhatPagesPointToIsThere(t *testing.T) {
	s := theCode(t)
	tests, metrics := 0, 0
	for _, p := range guides(t) {
		for _, m := range testName.FindAllStringSubmatch(p.text, -1) {
			tests++
			if !s.tests[m[1]] {
				t.Errorf("%s: there is no test %s", p.path, m[1])
			}
		}
		for _, m := range metric.FindAllStringSubmatch(p.text, -1) {
			metrics++
			if !strings.Contains(s.texts, "\n"+m[1]+"\n") && !strings.Contains(s.texts, "\n"+strings.TrimPrefix(m[1], "gateway_")+"\n") {
				t.Errorf("%s: there is no metric %s", p.path, m[1])
			}
		}
	}
	if tests < 60 || metrics < 8 {
		t.Errorf("found %d tests and %d metrics", tests, metrics)
	}
}

// What is explained in the pages of modules is named in the guides' index: nothing is left out of the way in.
func TestEveryGuideIsInTheIndex(t *testing.T) {
	index := read(t, "docs/README.md").text
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if name := filepath.Base(f); name != "README.md" && !strings.Contains(index, "("+name) {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(root, "README.md")); err != nil || !strings.Contains(string(raw), "(docs/README.md)") {
		t.Errorf("README.md does not lead to the guides: %v", err)
	}
}
