package author

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Problem is something in a policy that must not be.
type Problem struct {
	File    string   `json:"file,omitempty"` // "": it is of no one file
	Line    int      `json:"line,omitempty"`
	Column  int      `json:"column,omitempty"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Details []string `json:"details,omitempty"`
	Source  string   `json:"source,omitempty"` // the line
}

// Codes of problems that OPA has none for.
const (
	codePolicy = "policy_error"
	codeAnswer = "answer_error"
)

// Check finds what would keep a policy from being put in force, but for tests that fail: it parses, compiles strictly with its tests, names of the
// input only what there is, and answers with a decision. So it does fields that the data want masked and no rule looks at. An error says that it could not be checked.
func Check(ctx context.Context, src *engine.Source, opts ...engine.Option) ([]Problem, error) {
	if found := parseAll(src); len(found) > 0 {
		return found, nil
	}
	snapshot, err := engine.Compile(ctx, src, opts...)
	if err != nil {
		return problems(src, err), nil
	}
	if err := engine.CheckTests(src, opts...); err != nil {
		return problems(src, err), nil
	}
	// What the gateway asks before it takes a policy: one whose answers are malformed would lock everybody out.
	d, x, err := snapshot.Explain(ctx, engine.Probe(), engine.Options{}, false)
	if d.Failure != engine.Malformed {
		return unmasked(src), nil
	}
	p := Problem{Code: codeAnswer, Message: err.Error()}
	if len(x.Rules) > 0 {
		p.File, p.Line = x.Rules[0].File, x.Rules[0].Line
		p.Source = line(src, p.File, p.Line)
	}
	return []Problem{p}, nil
}

// parseAll finds the errors of all files at once.
func parseAll(src *engine.Source) (out []Problem) {
	for _, texts := range []map[string]string{src.Modules, src.Tests} {
		for name, text := range texts {
			if _, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true}); err != nil {
				out = append(out, problems(src, err)...)
			}
		}
	}
	sortProblems(out)
	return out
}

// problems takes OPA's errors out of err, each with its place.
func problems(src *engine.Source, err error) (out []Problem) {
	var list ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = ast.Errors{one}
	default:
		return []Problem{{Code: codePolicy, Message: err.Error()}}
	}
	for _, e := range list {
		p := Problem{Code: e.Code, Message: e.Message}
		if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok && slices.Contains(engine.Guarded, name) {
			p.Message += ": it reaches outside, so it must be allowed (--allow here, `allow` in the gateway's policy block)"
		}
		if l := e.Location; l != nil {
			p.File, p.Line, p.Column = l.File, l.Row, l.Col
			p.Source = line(src, l.File, l.Row)
		}
		if e.Details != nil {
			for _, d := range e.Details.Lines() {
				p.Details = append(p.Details, strings.TrimSpace(d))
			}
		}
		out = append(out, p)
	}
	sortProblems(out)
	return out
}

func sortProblems(list []Problem) {
	slices.SortFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, cmp.Compare(a.Message, b.Message))
	})
}

// line is one line of a file, "" where there is none.
func line(src *engine.Source, file string, number int) string {
	text, ok := src.Modules[file]
	if !ok {
		text = src.Tests[file]
	}
	lines := strings.Split(text, "\n")
	if number < 1 || number > len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[number-1], "\r")
}

// Problems prints them for people, the files as below folder.
func Problems(w io.Writer, s terminal.Style, folder string, list []Problem) error {
	var b strings.Builder
	for _, p := range list {
		at := folder
		if p.File != "" {
			at = fmt.Sprintf("%s:%d", filepath.Join(folder, p.File), p.Line)
			if p.Column > 0 {
				at += fmt.Sprintf(":%d", p.Column)
			}
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", s.In(terminal.Bold, terminal.Clean(at)), s.In(terminal.Red, p.Code), terminal.Clean(p.Message))
		if p.Source != "" {
			quoted(&b, s, p)
		}
		for _, d := range p.Details {
			// Of the line and the mark below it there is a better copy above.
			if p.Source == "" || strings.HasPrefix(d, "have") || strings.HasPrefix(d, "want") {
				fmt.Fprintf(&b, "    %s\n", terminal.Clean(d))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted prints the line of a problem and points at its place. Tabs stay tabs above the mark, so that it stands right.
func quoted(b *strings.Builder, s terminal.Style, p Problem) {
	text := []rune(p.Source)
	if p.Column < 1 || p.Column > len(text)+1 || strings.ContainsFunc(p.Source, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		fmt.Fprintf(b, "    %s\n", terminal.Clean(p.Source))
		return
	}
	lead := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(text[:p.Column-1]))
	fmt.Fprintf(b, "    %s\n    %s%s\n", p.Source, lead, s.In(terminal.Red, "^"))
}
