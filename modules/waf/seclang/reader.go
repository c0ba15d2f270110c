package seclang

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// mostIncludes is how many files one configuration may include; Coraza's own bound.
const mostIncludes = 100

// directive is one line of a configuration, continuations joined.
type directive struct {
	name string // lower case
	args string
	raw  string
	dir  string // of the file it stands in, "" for text
}

// Place is where a directive begins: a file and a line, the first being 1. The file is "" for text.
type Place struct {
	File string
	Line int
}

type reader struct {
	root     fs.FS
	out      []directive
	at       []Place // of every directive, includes too, in the order in which Coraza evaluates them
	includes int
}

// read returns the directives of the text and of all it includes, in order.
func read(text string, root fs.FS) ([]directive, error) {
	r := &reader{root: root}
	if err := r.text(text, "", ""); err != nil {
		return nil, err
	}
	return r.out, nil
}

// Find tells where the nth directive stands, the first being 1, includes counted: in the text, or in a file that it includes. It is false where there are fewer.
func Find(text string, root fs.FS, n int) (Place, bool) {
	r := &reader{root: root}
	_ = r.text(text, "", "") // where it fails, it has read what Coraza has read
	if n < 1 || n > len(r.at) {
		return Place{}, false
	}
	return r.at[n-1], true
}

func (r *reader) text(text, file, dir string) error {
	var pending strings.Builder
	quoted := false // between backticks
	number, first := 0, 0
	for scan := bufio.NewScanner(strings.NewReader(text)); scan.Scan(); {
		number++
		line := strings.TrimSpace(scan.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		last := line[len(line)-1]
		if pending.Len() == 0 {
			first = number
		}
		if !quoted && last == '`' {
			quoted = true
		} else if quoted && line[0] == '`' {
			quoted = false
		}
		switch {
		case quoted:
			pending.WriteString(line)
			pending.WriteByte('\n')
		case last == '\\':
			pending.WriteString(line[:len(line)-1])
		default:
			pending.WriteString(line)
			r.at = append(r.at, Place{file, first})
			if err := r.line(pending.String(), dir); err != nil {
				return err
			}
			pending.Reset()
		}
	}
	return nil
}

func (r *reader) line(raw, dir string) error {
	name, args, _ := strings.Cut(raw, " ")
	name = strings.ToLower(name)
	if len(args) >= 3 && args[0] == '"' && args[len(args)-1] == '"' {
		args = strings.Trim(args, `"`)
	}
	if name != "include" {
		r.out = append(r.out, directive{name: name, args: args, raw: raw, dir: dir})
		return nil
	}
	if r.includes++; r.includes > mostIncludes {
		return errors.New("too many includes")
	}
	return r.include(args, dir)
}

func (r *reader) include(path, dir string) error {
	files, glob := []string{path}, strings.Contains(path, "*")
	if glob {
		var err error
		if files, err = fs.Glob(r.root, path); err != nil {
			return fmt.Errorf("include %s: %w", path, err)
		}
	}
	for _, f := range files {
		f = strings.TrimSpace(f)
		if !glob && !strings.HasPrefix(f, "/") {
			f = filepath.Join(dir, f)
		}
		b, err := fs.ReadFile(r.root, f)
		if err != nil {
			return fmt.Errorf("include %s: %w", f, err)
		}
		if err := r.text(string(b), f, filepath.Dir(f)); err != nil {
			return err
		}
	}
	return nil
}
