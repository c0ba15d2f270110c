package arch

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
)

// The dictionary of events is what the code emits, no less and no more: rules and reports are written against it.
func TestDictionaryOfEvents(t *testing.T) {
	raw, err := os.ReadFile("../../modules/internal/event/README.md")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	row := regexp.MustCompile("^\\| (`[a-z0-9-]+`(?:, `[a-z0-9-]+`)*) \\| [a-z_, ]+ \\| [a-z]+ \\| ")
	for line := range strings.Lines(string(raw)) {
		if m := row.FindStringSubmatch(line); m != nil {
			for _, name := range strings.Split(strings.ReplaceAll(m[1], "`", ""), ", ") {
				written[name] = true
			}
		}
	}
	s := scan(t, "../../modules")
	emitted := s.actions()
	for _, name := range slices.Sorted(maps.Keys(emitted)) {
		if !written[name] && name != "" {
			t.Errorf("%s is emitted at %s, and not in the dictionary", name, emitted[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if emitted[name] == "" && !s.says(name) {
			t.Errorf("%s is in the dictionary, and nothing emits it", name)
		}
	}
	if len(emitted) < 100 {
		t.Errorf("only %d actions are found: the scan has gone blind", len(emitted))
	}
}

// source is what is scanned: all of the modules but tests.
type source struct {
	set      *token.FileSet
	packages map[string][]*ast.File // by folder
}

func scan(t *testing.T, root string) *source {
	t.Helper()
	s := &source{set: token.NewFileSet(), packages: map[string][]*ast.File{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(s.set, path, nil, parser.SkipObjectResolution)
		if err == nil {
			dir := filepath.Dir(path)
			s.packages[dir] = append(s.packages[dir], f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// says tells whether the code has that text, but for the dictionary itself: an action may take a way that is not followed.
func (s *source) says(text string) (found bool) {
	for _, files := range s.packages {
		for _, f := range files {
			switch filepath.Base(s.set.Position(f.Pos()).Filename) {
			case "dictionary.go", "engine.go", "level.go": // lists of actions
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Value == strconv.Quote(text) {
					found = true
				}
				return !found
			})
		}
	}
	return found
}

// actions are the values that the member Action of an event may have, and where. It follows constants, variables of a function, and parameters to the calls
// in the same package; it knows no more of Go than that, and is used for that.
func (s *source) actions() map[string]string {
	found := map[string]string{}
	for _, files := range s.packages {
		p := &folder{source: s, files: files, found: found, followed: map[string]bool{}}
		for _, f := range files {
			p.file(f)
		}
	}
	return found
}

type folder struct {
	*source
	files    []*ast.File
	found    map[string]string
	followed map[string]bool // parameters, as function/number, and members
}

func (p *folder) file(f *ast.File) {
	for _, d := range f.Decls {
		fn, _ := d.(*ast.FuncDecl)
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if isEvent(n.Type) {
					for _, e := range n.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok && name(kv.Key) == "Action" {
							p.value(kv.Value, fn)
						}
					}
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if sel, ok := to.(*ast.SelectorExpr); ok && sel.Sel.Name == "Action" && i < len(n.Rhs) && strings.HasPrefix(name(sel.X), "e") || ok && sel.Sel.Name == "Action" && name(sel.X) == "q" {
						p.value(n.Rhs[i], fn)
					}
				}
			}
			return true
		})
	}
}

func isEvent(t ast.Expr) bool {
	sel, ok := t.(*ast.SelectorExpr)
	return ok && name(sel.X) == "event" && sel.Sel.Name == "Event"
}

func name(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// value notes what e may be, within fn.
func (p *folder) value(e ast.Expr, fn *ast.FuncDecl) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			p.found[text] = p.set.Position(e.Pos()).String()
		}
	case *ast.SelectorExpr: // a member of a table
		if e.Sel.Name == "action" {
			p.member(e.Sel.Name)
		}
	case *ast.Ident:
		if fn == nil {
			return
		}
		if i := parameter(fn, e.Name); i >= 0 {
			p.argument(fn.Name.Name, i)
			return
		}
		p.constant(e.Name)
		p.local(e.Name, fn)
	}
}

// local follows what a variable of fn is given, also as a parameter of a function within it.
func (p *folder) local(variable string, fn *ast.FuncDecl) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if name(to) != variable || len(n.Rhs) != len(n.Lhs) {
					continue
				}
				if id := name(n.Rhs[i]); id != variable {
					p.value(n.Rhs[i], fn)
				}
			}
			if lit, ok := n.Rhs[0].(*ast.FuncLit); ok && len(n.Lhs) == 1 {
				if i := at(lit.Type.Params, variable); i >= 0 {
					p.argument(name(n.Lhs[0]), i)
				}
			}
		}
		return true
	})
}

func (p *folder) constant(of string) {
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, id := range v.Names {
					if id.Name == of && i < len(v.Values) {
						p.value(v.Values[i], nil)
					}
				}
			}
			return true
		})
	}
}

// member follows what literals of the package give to a member of that name, or, without names, as a first text.
func (p *folder) member(of string) {
	if key := "." + of; p.followed[key] {
		return
	} else {
		p.followed[key] = true
	}
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || len(lit.Elts) == 0 {
				return true
			}
			for _, e := range lit.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if name(kv.Key) == of {
						p.value(kv.Value, nil)
					} else if inner, ok := kv.Value.(*ast.CompositeLit); ok && inner.Type == nil && len(inner.Elts) > 0 { // of a map of structs
						p.value(inner.Elts[0], nil)
					}
				}
			}
			return true
		})
	}
}

// argument follows the i-th argument of all calls of a function.
func (p *folder) argument(fn string, i int) {
	key := fn + "/" + strconv.Itoa(i)
	if p.followed[key] {
		return
	}
	p.followed[key] = true
	for _, f := range p.files {
		for _, d := range f.Decls {
			within, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || i >= len(call.Args) {
					return true
				}
				called := name(call.Fun)
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
					called = sel.Sel.Name
				}
				if called == fn {
					p.value(call.Args[i], within)
				}
				return true
			})
		}
	}
}

func parameter(fn *ast.FuncDecl, of string) int { return at(fn.Type.Params, of) }

func at(list *ast.FieldList, of string) int {
	i := 0
	for _, f := range list.List {
		for _, id := range f.Names {
			if id.Name == of {
				return i
			}
			i++
		}
	}
	return -1
}
