package author

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
	"time"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/policies"
)

var ctx = context.Background()

func source(t *testing.T, files map[string]string) *engine.Source {
	t.Helper()
	raw := map[string][]byte{}
	for name, text := range files {
		raw[name] = []byte(text)
	}
	src, err := engine.Files(raw)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

const head = "package gateway\n\n"

const (
	masked    = `{"classifications": {"personal": {"masked": {"with": "mail"}}}, "fields": {"GET /a": {"response": {"/mail": "personal"}}}}`
	maskedOut = `{"classifications": {"personal": {"masked": {"with": "mail"}}}, "fields": {"GET /ws": {"out": {"message": {"/mail": "personal"}}}}}`
)

// Everything that would keep a policy from being put in force is found, with its place and the line itself.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string // in what is printed, in this order
	}{
		"nothing":                    {map[string]string{"a.rego": head + "decision := {\"allow\": true}\n"}, nil},
		"it does not parse":          {map[string]string{"a.rego": head + "decision := {\n", "b.rego": "pakage x\n"}, []string{"dir/a.rego:4", "rego_parse_error", "dir/b.rego:1:1", "pakage x"}},
		"a name the input lacks":     {map[string]string{"a.rego": head + "decision := {\"allow\": true} if input.identty\n"}, []string{"dir/a.rego:3:32: rego_type_error: undefined ref: input.identty", "decision :=", "^", "want (one of)", "identity"}},
		"a variable nobody uses":     {map[string]string{"a.rego": head + "decision := {\"allow\": true} if x := 1\n"}, []string{"dir/a.rego:3", "assigned var x unused"}},
		"no decision":                {map[string]string{"a.rego": head + "allow := true\n"}, []string{"dir: policy_error: ", "no rule defines data.gateway.decision"}},
		"what is not allowed":        {map[string]string{"a.rego": head + "decision := {\"allow\": http.send({}).ok}\n"}, []string{"dir/a.rego:3", "undefined function http.send: it reaches outside", "--allow"}},
		"an obligation misspelt":     {map[string]string{"a.rego": head + "decision := {\"allow\": true, \"obligations\": {\"maxage\": 1}}\n"}, []string{"dir/a.rego:3", "not known", "max_age"}},
		"a test that can't compile":  {map[string]string{"a.rego": head + "decision := {\"allow\": true}\n", "a_test.rego": "package gateway_test\n\ntest_a if nothing\n"}, []string{"dir/a_test.rego:3", "var nothing is unsafe"}},
		"answers nobody can read":    {map[string]string{"a.rego": head + "decision := true\n"}, []string{"dir/a.rego:3: answer_error: data.gateway.decision: it is no object", "decision := true"}},
		"masked, and no rule looks":  {map[string]string{"a.rego": head + "decision := {\"allow\": data.other.x}\n", "data.json": masked}, []string{"dir: masks_error: ", "GET /a", "obligations", "fields.rego"}},
		"masked, of messages":        {map[string]string{"a.rego": head + "decision := {\"allow\": true}\n", "data.json": maskedOut}, []string{"dir: masks_error: ", "GET /ws"}},
		"masked, and a rule looks":   {map[string]string{"a.rego": head + "decision := {\"allow\": true, \"obligations\": {\"mask\": [p | some p, _ in data.fields[input.request.fields].response]}}\n", "data.json": masked}, nil},
		"masked, and a rule imports": {map[string]string{"a.rego": "package gateway\n\nimport data.fields\n\ndecision := {\"allow\": fields[input.request.fields] == {}}\n", "data.json": masked}, nil},
		"encrypted alone":            {map[string]string{"a.rego": head + "decision := {\"allow\": true}\n", "data.json": strings.Replace(masked, `"masked": {"with": "mail"}`, `"encrypted": true`, 1)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Check(ctx, source(t, c.files))
			if err != nil || (len(found) > 0) != (c.want != nil) {
				t.Fatalf("%+v %v", found, err)
			}
			var b bytes.Buffer
			if err := Problems(&b, terminal.Style{}, "dir", found); err != nil {
				t.Fatal(err)
			}
			rest := b.String()
			for _, w := range c.want {
				_, after, ok := strings.Cut(rest, w)
				if !ok {
					t.Errorf("no %q in\n%s", w, b.String())
				}
				rest = after
			}
		})
	}
}

const tested = head + `decision := {"allow": allow}

default allow := false

allow if input.request.method == "GET"

allow if {
	input.request.method == "PUT"
	input.identity.name == "ursula"
}
`

const tests = `package gateway_test

import data.gateway

test_get if gateway.allow with input as {"request": {"method": "GET"}}

test_put if {
	print("trying", 1)
	gateway.allow with input as {"request": {"method": "PUT"}, "identity": {"name": "petra"}}
}

test_error if gateway.allow with input as {"request": {"method": 1 / 0}}

todo_test_later if false
`

func TestTest(t *testing.T) {
	rep, err := Test(ctx, source(t, map[string]string{"a.rego": tested, "a_test.rego": tests}), TestOptions{Coverage: true})
	if err != nil || rep.Passed != 1 || rep.Failed != 2 || rep.Skipped != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	var b bytes.Buffer
	if err := rep.Text(&b, terminal.Style{}, "dir", false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"FAIL  dir/a_test.rego:7  data.gateway_test.test_put", "| trying 1", "✗ dir/a_test.rego:9  gateway.allow with input as", `✗ dir/a.rego:11  input.identity.name == "ursula"`, `input.identity.name = "petra"`,
		"ERROR  dir/a_test.rego:12", "divide by zero", "SKIP  dir/a_test.rego:14", "1 passed, 2 failed, 1 left out", "NOT COVERED  dir/a.rego:9", "of the policy is covered",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "test_get") || strings.Contains(b.String(), "100") {
		t.Errorf("%s", b.String())
	}
	rep, err = Test(ctx, source(t, map[string]string{"a.rego": tested, "a_test.rego": tests}), TestOptions{Run: "test_get$"})
	if err != nil || rep.Passed != 1 || rep.Failed != 0 || rep.Coverage != nil {
		t.Fatalf("%+v %v", rep, err)
	}
	for _, bad := range []TestOptions{{Run: "("}, {Run: "nothing"}, {}} {
		if _, err := Test(ctx, source(t, map[string]string{"a.rego": tested}), bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if rep, err := Test(ended, source(t, map[string]string{"a.rego": tested, "a_test.rego": tests}), TestOptions{}); err == nil {
		t.Errorf("tests that were not run passed: %+v", rep)
	}
}

// A test at which OPA panics has failed; the command goes on.
func TestAPanicIsAnError(t *testing.T) {
	panics := engine.Function{Name: "gateway.panics", Type: types.NewFunction(types.Args(types.N), types.B), Call: func(topdown.BuiltinContext, []*ast.Term) (*ast.Term, error) {
		panic("illegal value")
	}}
	src := source(t, map[string]string{
		"a.rego":      "package gateway\n\ndecision := {\"allow\": panics(1)}\n\npanics(n) := gateway.panics(n)\n\nclosed if {\n\tinput.open\n\tpanics(1)\n}\n",
		"a_test.rego": "package gateway_test\n\ntest_it if data.gateway.decision.allow\n\ntest_closed if data.gateway.closed with input as {\"open\": false}\n\ntest_good if true\n",
	})
	rep, err := Test(ctx, src, TestOptions{Coverage: true}, engine.WithFunctions(panics))
	if err != nil || rep.Passed != 1 || rep.Failed != 2 || rep.Cases[0].Outcome != Errored || !strings.Contains(rep.Cases[0].Error, "panicked") || rep.Cases[1].Outcome != Failed {
		t.Errorf("%+v %v", rep, err)
	}
}

func TestFormatAndDiff(t *testing.T) {
	in := "package gateway\ndecision:={\"allow\":true}\n"
	out, err := Format("a.rego", []byte(in))
	if err != nil || string(out) != head+"decision := {\"allow\": true}\n" {
		t.Fatalf("%q %v", out, err)
	}
	if d := Diff("a.rego", in, string(out)); !strings.Contains(d, "-decision:={\"allow\":true}\n") || !strings.Contains(d, "+decision := {\"allow\": true}\n") || !strings.Contains(d, " package gateway\n") {
		t.Error(d)
	}
	if d := Diff("a.rego", in, in); d != "" {
		t.Error(d)
	}
	if _, err := Format("a.rego", []byte("pakage x")); err == nil {
		t.Error("what does not parse was formatted")
	}
}

func TestReadDocuments(t *testing.T) {
	docs, err := ReadDocuments("f", []byte(`{"request": {"method": "GET"}} {"decision_id": "x", "input": {"request": {"method": "PUT"}}}`))
	if err != nil || len(docs) != 2 || docs[0].Value.String() != `{"request": {"method": "GET"}}` || docs[1].Value.String() != `{"request": {"method": "PUT"}}` || docs[1].Name != "f#2" {
		t.Fatalf("%v %v", docs, err)
	}
	for _, bad := range []string{"", "[]", "1", "{", `{"a":1}}`} {
		if docs, err := ReadDocuments("f", []byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, docs)
		}
	}
}

func FuzzReadDocuments(f *testing.F) {
	for _, s := range []string{`{"input": {"a": 1e999}}`, `{"request": {"method": "GET"}}`, `{} {}`, `{"input": null}`, `{"a":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		docs, err := ReadDocuments("f", raw)
		if (err == nil) != (len(docs) > 0) {
			t.Errorf("%q: %v %v", raw, docs, err)
		}
	})
}

func TestBench(t *testing.T) {
	src, err := engine.Load(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Compile(ctx, src)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := ReadDocuments("f", []byte(`{"request": {"method": "GET", "path": "/", "route": "", "host": "", "permission": "public"}, "client": {}, "grants": {"resource": [], "parent": []}}`))
	if err != nil {
		t.Fatal(err)
	}
	list, err := Bench(ctx, s, docs, 20*time.Millisecond)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	m := list[0]
	if m.Rounds < 1 || !m.Allow || m.P50 <= 0 || m.P50 > m.P95 || m.P95 > m.P99 || m.P99 > m.Max || m.Allocs <= 0 || m.Bytes <= 0 {
		t.Errorf("%+v", m)
	}
}

// What New writes holds to all that is asked of a policy.
func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	written, err := New(dir)
	if err != nil || len(written) < 5 {
		t.Fatal(written, err)
	}
	src, err := engine.Load(os.DirFS(filepath.Join(dir, "policy")))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := Check(ctx, src); err != nil || len(found) > 0 {
		t.Errorf("%+v %v", found, err)
	}
	rep, err := Test(ctx, src, TestOptions{Coverage: true})
	if err != nil || rep.Failed > 0 || rep.Passed < 10 || rep.Coverage.Percent < 100 {
		t.Errorf("%+v %v", rep, err)
	}
	for _, texts := range []map[string]string{src.Modules, src.Tests} {
		for name, text := range texts {
			if out, err := Format(name, []byte(text)); err != nil || string(out) != text {
				t.Errorf("%s is not formatted: %v\n%s", name, err, Diff(name, text, string(out)))
			}
		}
	}
	if _, err := New(dir); err == nil {
		t.Error("written over what was there")
	}
	s, err := engine.Compile(ctx, src)
	if err != nil {
		t.Fatal(err)
	}
	for name, allow := range map[string]bool{"owner-reads": true, "stranger-deletes": false} {
		raw, err := os.ReadFile(filepath.Join(dir, "inputs", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		docs, err := ReadDocuments(name, raw)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := s.Evaluate(ctx, docs[0].Value, engine.Options{}); err != nil || d.Allow != allow {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}
