package ruletest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Result is how a test went.
type Result struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Name   string `json:"name"`
	Rule   string `json:"rule"`
	Passed bool   `json:"passed"`
	Want   string `json:"want"`
	Got    int    `json:"got"`           // findings
	Why    string `json:"why,omitempty"` // where the test itself is wrong
}

// Run runs the tests in a folder with rules. An error says that a test file can't be read.
func Run(source fs.FS, rules *detect.Rules) ([]Result, error) {
	all, err := files(source)
	if err != nil {
		return nil, err
	}
	named := map[string]*detect.Rule{}
	for _, r := range rules.All() {
		named[r.ID] = r
		if r.Name != "" {
			named[r.Name] = r
		}
	}
	var out []Result
	for _, f := range all {
		for i := range f.Tests {
			out = append(out, f.run(&f.Tests[i], rules, named))
		}
	}
	return out, nil
}

func (f *file) run(t *test, rules *detect.Rules, named map[string]*detect.Rule) Result {
	res := Result{File: f.name, Line: t.line, Name: t.Name, Rule: t.Rule, Want: t.Expect.String()}
	rule := named[t.Rule]
	if rule == nil {
		res.Why = "there is no such rule"
		return res
	}
	if !rule.Alone {
		res.Why = "the rule makes no findings of its own: it is there for a correlation"
		return res
	}
	lines, err := f.lines(t)
	if err != nil {
		res.Why = err.Error()
		return res
	}
	windows := correlate.New(rules, correlate.Options{})
	found := func(fd *finding.Finding) {
		if fd.Rule == rule.ID && (t.Expect.Subject == "" || slices.ContainsFunc(fd.Subjects, func(s finding.Subject) bool { return s.String() == t.Expect.Subject })) {
			res.Got++
		}
	}
	var e ecs.Event
	for _, line := range lines {
		if err := e.Parse(line); err != nil {
			res.Why = err.Error()
			return res
		}
		rules.Match(&e, func(r *detect.Rule) { windows.Observe(r, &e, found) })
	}
	windows.End(found)
	res.Passed = t.Expect.Met(res.Got)
	return res
}

// lines gives the events of a test as the gateway would have written them.
func (f *file) lines(t *test) ([][]byte, error) {
	start := f.Start
	if !t.Start.IsZero() {
		start = t.Start
	}
	type one struct {
		at   time.Time
		line []byte
	}
	var all []one
	last := -time.Second
	for _, e := range t.Events {
		at := last + time.Second
		if e.at >= 0 {
			at = e.at
		}
		for n := 1; n <= e.repeat; n++ {
			last = at + time.Duration(n-1)*e.every
			fields := maps.Clone(f.Defaults)
			if fields == nil {
				fields = map[string]any{}
			}
			maps.Copy(fields, t.Defaults)
			maps.Copy(fields, e.event)
			when, err := stamp(fields, start.Add(last))
			if err != nil {
				return nil, err
			}
			if _, ok := fields["event.id"]; !ok {
				fields["event.id"] = "test-" + strconv.FormatInt(int64(len(all)+1), 36)
			}
			line, err := json.Marshal(filled(fields, n))
			if err != nil {
				return nil, err
			}
			all = append(all, one{when, line})
		}
	}
	slices.SortStableFunc(all, func(a, b one) int { return a.at.Compare(b.at) })
	lines := make([][]byte, len(all))
	for i, o := range all {
		lines[i] = o.line
	}
	return lines, nil
}

// stamp gives an event its time, unless it has one.
func stamp(fields map[string]any, at time.Time) (time.Time, error) {
	switch own := fields["@timestamp"].(type) {
	case nil:
	case time.Time:
		at = own
	case string:
		t, err := time.Parse(time.RFC3339Nano, own)
		if err != nil {
			return at, fmt.Errorf("@timestamp: %q is no time", own)
		}
		at = t
	default:
		return at, fmt.Errorf("@timestamp: %v is no time", own)
	}
	fields["@timestamp"] = at.UTC().Format("2006-01-02T15:04:05.000000Z")
	return at, nil
}

var counters = regexp.MustCompile(`\{n(%[1-9][0-9]{0,6})?\}`)

// filled puts the number of a repeated event into its texts.
func filled(v any, n int) any {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "{n") {
			return v
		}
		return counters.ReplaceAllStringFunc(v, func(m string) string {
			if round, ok := strings.CutPrefix(m[:len(m)-1], "{n%"); ok {
				k, err := strconv.Atoi(round)
				if err != nil {
					return m // the expression takes digits alone
				}
				return strconv.Itoa((n - 1) % k)
			}
			return strconv.Itoa(n)
		})
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[k] = filled(inner, n)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = filled(inner, n)
		}
		return out
	}
	return v
}
