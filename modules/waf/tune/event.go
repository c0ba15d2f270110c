package tune

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// event is what of a security event matters here. Other fields are nobody's concern.
type event struct {
	Time    time.Time `json:"@timestamp"`
	Path    string    `json:"url.path"`
	Route   string    `json:"gateway.route"` // "POST /api/rooms/{room}/messages", "" where the rules refused before it was known
	UserID  string    `json:"user.id"`
	User    string    `json:"user.name"`
	Rules   []int     `json:"rule.id"`
	Blocked bool      `json:"gateway.waf.blocked"`
	Matches []match   `json:"gateway.waf.matches"`
}

type match struct {
	Rule      int       `json:"rule"`
	Variables oneOrMany `json:"variable"`
	Excerpt   string    `json:"excerpt"` // redacted by the WAF
}

// oneOrMany is a string, or a list of them.
type oneOrMany []string

// UnmarshalJSON implements json.Unmarshaler.
func (v *oneOrMany) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*v = make([]string, 1)
		return json.Unmarshal(b, &(*v)[0])
	}
	return json.Unmarshal(b, (*[]string)(v))
}

const (
	longestLine = 1 << 20
	longestPath = 512 // where events cut it
)

// Add reads events: the lines of a file (also gzip), of every such file in a folder, or, for "-", of stdin.
func (t *Tuner) Add(name string, stdin io.Reader) error {
	if name == "-" {
		return t.Read(stdin)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	names := []string{name}
	if info.IsDir() {
		if names, err = filesOf(name); err != nil {
			return err
		}
		if len(names) == 0 {
			return fmt.Errorf("%s holds no events: no file ends in .jsonl or .jsonl.gz", name)
		}
	}
	for _, n := range names {
		if err := t.file(n); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
	}
	return nil
}

func filesOf(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(n, ".jsonl") || strings.HasSuffix(n, ".jsonl.gz") {
			names = append(names, filepath.Join(dir, n))
		}
	}
	return names, nil
}

func (t *Tuner) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return t.Read(f)
}

// Read reads events, one JSON object a line, also gzip. A line that is none is counted and passed over.
func (t *Tuner) Read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		defer z.Close()
		in = bufio.NewReaderSize(z, 64<<10)
	}
	for {
		line, err := readLine(in)
		if errors.Is(err, errLongLine) {
			t.seen.Unreadable++
			continue
		}
		if len(bytes.TrimSpace(line)) > 0 {
			t.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var errLongLine = errors.New("the line is too long")

// readLine returns the next line, or errLongLine where it is over the limit and was passed over.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if line != nil || len(part) > 0 {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > longestLine {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			if err != nil && err != io.EOF {
				return nil, err
			}
			return nil, errLongLine // at the file's end, the next call says so
		}
	}
}

func (t *Tuner) line(line []byte) {
	var e event
	// A field of another type leaves the event out rather than half understood.
	if json.Unmarshal(line, &e) != nil {
		t.seen.Unreadable++
		return
	}
	t.event(&e)
}
