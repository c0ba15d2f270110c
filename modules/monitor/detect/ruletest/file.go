package ruletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of test files.
const (
	mostFile   = 1 << 20
	mostRepeat = 1_000_000
	mostEvents = 2_000_000 // of one test
)

// file is a test file.
type file struct {
	name     string
	Start    time.Time      `yaml:"start"`
	Defaults map[string]any `yaml:"defaults"`
	Tests    []test         `yaml:"tests"`
}

type test struct {
	Name     string         `yaml:"name"`
	Rule     string         `yaml:"rule"`
	Start    time.Time      `yaml:"start"`
	Defaults map[string]any `yaml:"defaults"`
	Events   []entry        `yaml:"events"`
	Expect   Expect         `yaml:"expect"`
	line     int
}

// Expect is how many findings there are to be.
type Expect struct {
	Exactly *int   `yaml:"exactly" json:"exactly,omitempty"`
	AtLeast *int   `yaml:"at_least" json:"at_least,omitempty"`
	AtMost  *int   `yaml:"at_most" json:"at_most,omitempty"`
	Subject string `yaml:"subject" json:"subject,omitempty"` // only those that are about it
}

// Check says no to an expectation that expects nothing.
func (e Expect) Check() error {
	if e.Exactly == nil && e.AtLeast == nil && e.AtMost == nil {
		return errors.New("expect has exactly, at_least or at_most")
	}
	for _, n := range []*int{e.Exactly, e.AtLeast, e.AtMost} {
		if n != nil && *n < 0 {
			return errors.New("expect: a number is 0 or more")
		}
	}
	return nil
}

// Met tells whether n findings are what is expected.
func (e Expect) Met(n int) bool {
	return (e.Exactly == nil || n == *e.Exactly) && (e.AtLeast == nil || n >= *e.AtLeast) && (e.AtMost == nil || n <= *e.AtMost)
}

func (e Expect) String() string {
	var parts []string
	for _, p := range []struct {
		word string
		n    *int
	}{{"exactly", e.Exactly}, {"at least", e.AtLeast}, {"at most", e.AtMost}} {
		if p.n != nil {
			parts = append(parts, fmt.Sprintf("%s %d", p.word, *p.n))
		}
	}
	text := strings.Join(parts, ", ")
	if e.Subject != "" {
		text += " about " + e.Subject
	}
	return text
}

// entry is an event, or one that is repeated.
type entry struct {
	at     time.Duration // since the start; less than 0: a second after the one before
	repeat int
	every  time.Duration
	event  map[string]any
}

// UnmarshalYAML reads an event as it is, or beside at, repeat and every.
func (e *entry) UnmarshalYAML(n *yaml.Node) error {
	var all map[string]any
	if err := n.Decode(&all); err != nil {
		return err
	}
	*e = entry{at: -1, repeat: 1, every: time.Second}
	for _, t := range []struct {
		name string
		to   *time.Duration
	}{{"at", &e.at}, {"every", &e.every}} {
		if v, ok := all[t.name]; ok {
			d, err := duration(v)
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", n.Line, t.name, err)
			}
			*t.to = d
			delete(all, t.name)
		}
	}
	if v, ok := all["repeat"]; ok {
		k, ok := v.(int)
		if !ok || k < 1 || k > mostRepeat {
			return fmt.Errorf("line %d: repeat is a number from 1 to %d", n.Line, mostRepeat)
		}
		e.repeat = k
		delete(all, "repeat")
	}
	e.event = all
	if inner, ok := all["event"].(map[string]any); ok {
		if len(all) > 1 {
			return fmt.Errorf("line %d: beside event stand at, repeat and every alone", n.Line)
		}
		e.event = inner
	}
	if len(e.event) == 0 {
		return fmt.Errorf("line %d: an event has fields", n.Line)
	}
	return nil
}

// duration reads 90m, 1h30m or 2d.
func duration(v any) (time.Duration, error) {
	s := fmt.Sprint(v)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n float64
		if _, err := fmt.Sscanf(days, "%g", &n); err == nil && n >= 0 && n <= 366 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
		return 0, fmt.Errorf("%q is no time", s)
	}
	if s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 366*24*time.Hour {
		return 0, fmt.Errorf("%q is no time: it is one as 10s, 90m or 2d", s)
	}
	return d, nil
}

// isTest tells by its name whether a file holds tests.
func isTest(name string) bool {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	return (path.Ext(name) == ".yaml" || path.Ext(name) == ".yml") && strings.HasSuffix(base, "_test")
}

// files reads the test files of a folder.
func files(source fs.FS) (out []*file, err error) {
	err = fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isTest(name) {
			return err
		}
		f, err := read(source, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, f)
		return nil
	})
	return out, err
}

func read(source fs.FS, name string) (*file, error) {
	in, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, mostFile+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > mostFile {
		return nil, fmt.Errorf("more than %d KiB", mostFile>>10)
	}
	f := &file{name: name, Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil {
		return nil, err
	}
	lines := linesOf(&node)
	for i := range f.Tests {
		t := &f.Tests[i]
		if i < len(lines) {
			t.line = lines[i]
		}
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", t.line, t.Name, err)
		}
	}
	return f, nil
}

// linesOf gives where the tests of a file begin.
func linesOf(n *yaml.Node) (lines []int) {
	if len(n.Content) != 1 || n.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	top := n.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		if top[i].Value == "tests" {
			for _, t := range top[i+1].Content {
				lines = append(lines, t.Line)
			}
		}
	}
	return lines
}

func (t *test) check() error {
	total := 0
	for _, e := range t.Events {
		total += e.repeat
	}
	switch {
	case t.Name == "":
		return errors.New("a test has a name")
	case t.Rule == "":
		return errors.New("a test names its rule, by id or name")
	case total > mostEvents:
		return fmt.Errorf("more than %d events", mostEvents)
	}
	return t.Expect.Check()
}
