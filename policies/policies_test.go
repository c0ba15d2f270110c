package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// sources returns all modules, tests included, by file name.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(FS, "*.rego")
	if err != nil || len(names) < 10 {
		t.Fatalf("found %d modules: %v", len(names), err)
	}
	files := map[string][]byte{}
	for _, n := range names {
		if files[n], err = fs.ReadFile(FS, n); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func parse(t *testing.T) map[string]*ast.Module {
	t.Helper()
	modules := map[string]*ast.Module{}
	for name, src := range sources(t) {
		m, err := ast.ParseModuleWithOpts(name, string(src), ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = m
	}
	return modules
}

// TestFormat is `opa fmt --fail`.
func TestFormat(t *testing.T) {
	for name, src := range sources(t) {
		want, err := format.SourceWithOpts(name, src, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(src, want) {
			t.Errorf("%s is not formatted; opa fmt gives:\n%s", name, want)
		}
	}
}

// TestStrict is `opa check --strict`.
func TestStrict(t *testing.T) {
	c := ast.NewCompiler().WithStrict(true)
	if c.Compile(parse(t)); c.Failed() {
		t.Fatal(c.Errors)
	}
}

// TestAnnotated holds that every rule of the policy says what it is for.
func TestAnnotated(t *testing.T) {
	for name, m := range parse(t) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		titled := map[*ast.Rule]bool{}
		for _, a := range m.Annotations {
			if r, ok := a.GetTargetPath(), a.Title != ""; r != nil && ok {
				for _, rule := range m.Rules {
					if rule.Location.Row > a.Location.Row && rule.Location.Row <= a.EndLoc().Row+1 {
						titled[rule] = true
					}
				}
			}
		}
		for _, rule := range m.Rules {
			if !titled[rule] {
				t.Errorf("%s: the rule %s has no METADATA title", rule.Location, rule.Head.Name)
			}
		}
	}
}

// TestPolicy is `opa test --coverage --threshold 100`.
func TestPolicy(t *testing.T) {
	ctx := context.Background()
	modules := parse(t)
	raw, err := fs.ReadFile(FS, "data.json")
	if err != nil {
		t.Fatal(err)
	}
	var data map[string]any
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	store := inmem.NewFromObject(data)
	coverage := cover.New()
	runner := tester.NewRunner().SetStore(store).SetModules(modules).SetCoverageQueryTracer(coverage).
		SetDefaultRegoVersion(ast.RegoV1).RaiseBuiltinErrors(true).SetTimeout(time.Minute)
	err = storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		results, err := runner.RunTests(ctx, txn)
		if err != nil {
			return err
		}
		passed := 0
		for r := range results {
			if !r.Pass() {
				t.Errorf("%s: %s: failed=%v error=%v skipped=%v", r.Location, r.Name, r.Fail, r.Error, r.Skip)
				continue
			}
			passed++
		}
		t.Logf("%d policy tests passed", passed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	policy := map[string]*ast.Module{}
	for name, m := range modules {
		if !strings.HasSuffix(name, "_test.rego") {
			policy[name] = m
		}
	}
	report := coverage.Report(policy)
	for name := range policy {
		for _, r := range report.Files[name].NotCovered {
			t.Errorf("%s:%d-%d is not covered by a test", name, r.Start.Row, r.End.Row)
		}
	}
}

// TestReasons holds that a reason names one rule: events tell by it which rule decided.
func TestReasons(t *testing.T) {
	// What these rules give is a reason, or several.
	reasons := map[string]bool{"ground": true, "rule": true, "basis": true, "refusal": true, "failure": true, "hindrance": true, "lack": true, "stale": true}
	seen := map[string]*ast.Location{}
	for name, m := range parse(t) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		ast.WalkRules(m, func(r *ast.Rule) bool {
			if !reasons[string(r.Head.Ref()[0].Value.(ast.Var))] {
				return false
			}
			ast.WalkTerms(r.Head.Value, func(term *ast.Term) bool {
				s, ok := term.Value.(ast.String)
				if ok {
					if first := seen[string(s)]; first != nil {
						t.Errorf("%s gives the reason %q, as %s does", r.Location, s, first)
					}
					seen[string(s)] = r.Location
				}
				return false
			})
			return false
		})
	}
	if len(seen) < 30 {
		t.Errorf("found %d reasons: %v", len(seen), seen)
	}
}
