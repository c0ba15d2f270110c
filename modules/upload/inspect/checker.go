package inspect

import (
	"context"
	"errors"
	"io"
)

// File is one to be looked at.
type File struct {
	Name     string // as its sender has it; empty: none
	Declared string // Content-Type as its sender has it; empty: none
	Size     int64
	Content  io.ReaderAt
}

// Checker looks at files. It is used by many at once.
type Checker struct{ limits Limits }

// New makes a checker.
func New(l Limits) (*Checker, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	return &Checker{l.filled()}, nil
}

// Check tells the type of a file by its content, and what is wrong with it: the first findings of each rule, at most one outside and one
// inside of archives. The error is of reading, of the spool or of ctx: then nothing is known of the file, and it must not pass.
func (c *Checker) Check(ctx context.Context, f File) (kind string, findings []Finding, err error) {
	t := &task{ctx: ctx, limits: c.limits, whole: f.Size}
	kind, err = t.file(f, 0)
	if errors.Is(err, errEnough) { // a limit of the whole file: it stands in the findings
		err = nil
	}
	return kind, t.found, err
}

// errEnough ends the look at a file whose findings say that it must not be read on.
var errEnough = errors.New("enough was found")

// task is the look at one file with all that lies in it.
type task struct {
	ctx      context.Context
	limits   Limits
	whole    int64 // size of the file
	found    []Finding
	failed   error // of reading
	entries  int
	unpacked int64
	slowly   int64 // of those, what a slow decoder gave
}

// find notes the first finding of a rule.
func (t *task) find(rule Rule, depth int, detail string) {
	for _, f := range t.found {
		if f.Rule == rule && f.Inside == (depth > 0) {
			return
		}
	}
	t.found = append(t.found, Finding{rule, detail, depth > 0})
}

// enough is find for what ends the look.
func (t *task) enough(rule Rule, depth int, detail string) error {
	t.find(rule, depth, detail)
	return errEnough
}
