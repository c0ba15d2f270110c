package metrics

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// metric is one as the code declares it.
type metric struct {
	Name, Kind, Help string
	Labels           []string
	Folder           string // of the package, below modules
}

// scan finds the metrics that packages below root declare: literals of prometheus.…Opts, and calls of prometheus.NewDesc.
func scan(root string) ([]metric, error) {
	byFolder := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		byFolder[filepath.ToSlash(folder)] = append(byFolder[filepath.ToSlash(folder)], f)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []metric
	var wrong []error
	for folder, files := range byFolder {
		kinds := kindsOfDescs(files)
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				for _, m := range append(descs(n, kinds), collector(n)...) {
					if !strings.HasPrefix(m.Name, "gateway_") || m.Help == "" {
						wrong = append(wrong, fmt.Errorf("%s: %q does not begin with gateway_, or does not say what it is", folder, m.Name))
					}
					m.Folder = folder
					all = append(all, m)
				}
				return true
			})
		}
	}
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.Name, b.Name) })
	return all, errors.Join(wrong...)
}

// descs are the metrics that variables declare: name = prometheus.NewDesc(…).
func descs(n ast.Node, kinds map[string]string) (all []metric) {
	spec, ok := n.(*ast.ValueSpec)
	if !ok {
		return nil
	}
	for i, v := range spec.Values {
		call, ok := v.(*ast.CallExpr)
		if !ok || called(call) != "NewDesc" {
			continue
		}
		m := metric{Name: text(call.Args[0]), Help: text(call.Args[1]), Labels: texts(call.Args[2]), Kind: kinds[spec.Names[i].Name]}
		if m.Kind == "" { // it is made through another variable
			m.Kind = "gauge"
			if strings.HasSuffix(m.Name, "_total") {
				m.Kind = "counter"
			}
		}
		all = append(all, m)
	}
	return all
}

// collector is the metric that a call makes: prometheus.NewCounterVec(prometheus.CounterOpts{…}, …).
func collector(n ast.Node) []metric {
	call, ok := n.(*ast.CallExpr)
	if !ok || !strings.HasPrefix(called(call), "New") || len(call.Args) == 0 {
		return nil
	}
	opts, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return nil
	}
	sel, ok := opts.Type.(*ast.SelectorExpr)
	if !ok || !strings.HasSuffix(sel.Sel.Name, "Opts") {
		return nil
	}
	m := metric{Kind: strings.ToLower(strings.TrimSuffix(sel.Sel.Name, "Opts"))}
	for _, e := range opts.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			switch kv.Key.(*ast.Ident).Name {
			case "Name":
				m.Name = text(kv.Value)
			case "Help":
				m.Help = text(kv.Value)
			}
		}
	}
	if strings.HasSuffix(called(call), "Vec") {
		m.Labels = texts(call.Args[1])
	}
	return []metric{m}
}

// kindsOfDescs tells, by the name of a variable, what is made of a Desc.
func kindsOfDescs(files []*ast.File) map[string]string {
	kinds := map[string]string{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && called(call) == "MustNewConstMetric" {
				name, isName := call.Args[0].(*ast.Ident)
				kind, isKind := call.Args[1].(*ast.SelectorExpr)
				if isName && isKind {
					kinds[name.Name] = strings.ToLower(strings.TrimSuffix(kind.Sel.Name, "Value"))
				}
			}
			return true
		})
	}
	return kinds
}

func called(call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "prometheus" {
			return sel.Sel.Name
		}
	}
	return ""
}

// text is a string as it is written, or put together of such.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	}
	return ""
}

func texts(e ast.Expr) (all []string) {
	if lit, ok := e.(*ast.CompositeLit); ok {
		for _, e := range lit.Elts {
			all = append(all, text(e))
		}
	}
	return all
}
