package auditlog

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// segment is a file of the log.
type segment struct {
	path  string
	first int64 // the index of the first event that it may hold
}

const segmentEnd = ".jsonl"

func segmentPath(dir string, first int64) string {
	return filepath.Join(dir, "segments", fmt.Sprintf("%020d%s", first, segmentEnd))
}

// segments lists the files, in order.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "segments"))
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	var all []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentEnd)
		first, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil || segmentPath(dir, first) != filepath.Join(dir, "segments", e.Name()) {
			continue // not ours
		}
		all = append(all, segment{filepath.Join(dir, "segments", e.Name()), first})
	}
	slices.SortFunc(all, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return all, nil
}

// line is one of a segment: an event's, or a checkpoint behind a group of them.
type line struct {
	text  []byte // without its end; overwritten by the next
	group bool   // it is a checkpoint's
	whole bool   // it had an end
	at    int64  // where it begins in the file
}

// lines reads the lines of a file, until f returns an error: errStop ends it without one.
func lines(path string, f func(line) error) error {
	err := eachLine(path, f)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// eachLine is lines whose errStop the caller is told.
func eachLine(path string, f func(line) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	return linesOf(file, f)
}

var errStop = errors.New("enough")

func linesOf(file io.Reader, f func(line) error) error {
	in := bufio.NewReaderSize(file, 256<<10)
	var long []byte
	start, read := int64(0), int64(0)
	for {
		part, err := in.ReadSlice('\n')
		read += int64(len(part))
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(long)+len(part) <= longestLine { // what is longer is none of ours, and is judged by its beginning
				long = append(long, part...)
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		text := part
		if len(long) > 0 {
			text = append(long, part...)
		}
		if len(text) > 0 {
			whole := text[len(text)-1] == '\n'
			text = bytes.TrimSuffix(text, []byte("\n"))
			if err := f(line{text: text, group: bytes.HasPrefix(text, []byte(groupHead)), whole: whole, at: start}); err != nil {
				return err
			}
		}
		start, long = read, long[:0]
		if err != nil {
			return nil
		}
	}
}

// groupLine is the line behind a group of events.
func groupLine(dst []byte, c Checkpoint) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.Note); err != nil {
		panic(err) // a string
	}
	dst = append(append(dst, groupHead...), bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
	return append(dst, "}\n"...)
}

// noteOf is the checkpoint that such a line holds, not yet checked.
func noteOf(text []byte) ([]byte, error) {
	var g struct {
		Note string `json:"audit.checkpoint"`
	}
	if len(text) > mostNote || json.Unmarshal(text, &g) != nil {
		return nil, errCheckpoint
	}
	return []byte(g.Note), nil
}
