package author

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Outcomes of a test.
const (
	Passed  = "pass"
	Failed  = "fail"
	Errored = "error"
	Skipped = "skip" // todo_test_…
)

// Case is one test and what became of it.
type Case struct {
	Name    string           `json:"name"` // data.gateway_test.test_owner
	File    string           `json:"file"`
	Line    int              `json:"line"`
	Outcome string           `json:"outcome"`
	Error   string           `json:"error,omitempty"`
	Output  string           `json:"output,omitempty"` // what it printed
	Micros  int64            `json:"micros"`
	Tried   []engine.Attempt `json:"tried,omitempty"` // of one that fails: where it did not hold
}

// TestReport is what became of all tests.
type TestReport struct {
	Cases    []Case    `json:"tests"`
	Passed   int       `json:"passed"`
	Failed   int       `json:"failed"` // errors too
	Skipped  int       `json:"skipped"`
	Coverage *Coverage `json:"coverage,omitempty"`
	Micros   int64     `json:"micros"`
}

// Coverage tells which lines of the policy no test has reached.
type Coverage struct {
	Percent float64        `json:"percent"`
	Files   []FileCoverage `json:"files"`
}

// FileCoverage is that of one file.
type FileCoverage struct {
	File       string  `json:"file"`
	Percent    float64 `json:"percent"`
	NotCovered []Range `json:"not_covered,omitempty"`
}

// Range is from a line to a line, both included.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// TestOptions say which tests are run, and how.
type TestOptions struct {
	Run      string // a regular expression (RE2) for full names; "" all
	Coverage bool
}

// mostExplained bounds how many failed tests are run again to see where they fail.
const mostExplained = 20

// Test runs the tests of a policy. An error says that they could not be run: they do not compile.
func Test(ctx context.Context, src *engine.Source, o TestOptions, opts ...engine.Option) (*TestReport, error) {
	how := engine.TestRun{}
	if o.Run != "" {
		var err error
		if how.Only, err = regexp.Compile(o.Run); err != nil {
			return nil, fmt.Errorf("which tests to run: %w", err)
		}
	}
	var covered *cover.Cover
	if o.Coverage {
		covered = cover.New()
		how.Tracer = covered
	}
	began := time.Now()
	results, err := engine.RunTests(ctx, src, how, opts...)
	if err != nil {
		return nil, err
	}
	rep := &TestReport{Cases: []Case{}}
	for _, r := range results {
		rep.add(r)
	}
	rep.Micros = time.Since(began).Microseconds()
	switch {
	case len(rep.Cases) > 0:
	case o.Run != "":
		return nil, fmt.Errorf("no test's name matches %q", o.Run)
	default: // nothing fails where nothing is held
		return nil, errors.New("there are no tests: write rules named test_… into a file named …_test.rego")
	}
	slices.SortFunc(rep.Cases, func(a, b Case) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, cmp.Compare(a.Name, b.Name))
	})
	if err := rep.explain(ctx, src, opts); err != nil {
		return nil, err
	}
	if covered != nil {
		rep.Coverage, err = coverage(covered, src)
	}
	return rep, err
}

func (rep *TestReport) add(r *tester.Result) {
	c := Case{Name: r.Package + "." + r.Name, Outcome: Passed, Output: string(r.Output), Micros: r.Duration.Microseconds()}
	if r.Location != nil {
		c.File, c.Line = r.Location.File, r.Location.Row
	}
	switch {
	case r.Skip:
		c.Outcome = Skipped
		rep.Skipped++
	case r.Error != nil:
		c.Outcome, c.Error = Errored, r.Error.Error()
		rep.Failed++
	case r.Fail:
		c.Outcome = Failed
		rep.Failed++
	default:
		rep.Passed++
	}
	rep.Cases = append(rep.Cases, c)
}

func (rep *TestReport) explain(ctx context.Context, src *engine.Source, opts []engine.Option) error {
	explained := 0
	for i := range rep.Cases {
		if c := &rep.Cases[i]; c.Outcome == Failed && explained < mostExplained {
			var err error
			if c.Tried, err = engine.ExplainTest(ctx, src, c.Name, opts...); err != nil {
				return err
			}
			explained++
		}
	}
	return nil
}

func coverage(c *cover.Cover, src *engine.Source) (*Coverage, error) {
	modules := map[string]*ast.Module{}
	for name, text := range src.Modules {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, fmt.Errorf("reading the policy for its coverage: %w", err)
		}
		modules[name] = m
	}
	report := c.Report(modules)
	out := &Coverage{Files: []FileCoverage{}}
	lines, missed := 0, 0
	for name := range modules { // the report has the tests' own files too
		f := report.Files[name]
		fc := FileCoverage{File: name, Percent: f.Coverage}
		for _, r := range f.NotCovered {
			fc.NotCovered = append(fc.NotCovered, Range{r.Start.Row, r.End.Row})
		}
		slices.SortFunc(fc.NotCovered, func(a, b Range) int { return a.From - b.From })
		lines, missed = lines+f.CoveredLines+f.NotCoveredLines, missed+f.NotCoveredLines
		out.Files = append(out.Files, fc)
	}
	slices.SortFunc(out.Files, func(a, b FileCoverage) int { return cmp.Compare(a.File, b.File) })
	out.Percent = 100
	if lines > 0 {
		out.Percent = 100 * float64(lines-missed) / float64(lines)
	}
	return out, nil
}
