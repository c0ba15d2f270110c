// Package eventfile reads the files that events are written to: one JSON object a line, also compressed.
package eventfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/convosphere/gateway/modules/internal/event"
)

const longestLine = 1 << 20 // an event takes some KiB

// Open writes the lines of a file (as Read takes it) to w, those that are sealed in plain: one file can hold both, where the configuration
// changed. What the keys don't open, as a line that a crash has torn, is counted and left out.
func Open(name string, stdin io.Reader, keys event.Sealer, w io.Writer) (unopened int, err error) {
	return each(name, stdin, func(r io.Reader) (int, error) {
		return lines(r, func(line []byte) (bool, error) {
			if event.IsSealed(line) {
				plain, err := event.Unseal(keys, line)
				if err != nil {
					return false, nil
				}
				line = append(plain, '\n')
			}
			_, err := w.Write(line)
			return true, err
		})
	})
}

// Read reads the lines of a file (also gzip), of every such file in a folder, or, for "-", of stdin.
func Read(name string, stdin io.Reader, line func([]byte) (readable bool)) (unreadable int, err error) {
	return each(name, stdin, func(r io.Reader) (int, error) { return Lines(r, line) })
}

// each calls read with what the name stands for, and adds up what it counts.
func each(name string, stdin io.Reader, read func(io.Reader) (int, error)) (count int, err error) {
	if name == "-" {
		return read(stdin)
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	names := []string{name}
	if info.IsDir() {
		if names, err = filesOf(name); err != nil {
			return 0, err
		}
		if len(names) == 0 {
			return 0, fmt.Errorf("%s holds no events: no file ends in .jsonl or .jsonl.gz", name)
		}
	}
	for _, n := range names {
		more, err := readFile(n, read)
		count += more
		if err != nil {
			return count, fmt.Errorf("%s: %w", n, err)
		}
	}
	return count, nil
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

func readFile(name string, read func(io.Reader) (int, error)) (count int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return read(f)
}

// Lines reads the lines of r, which may be gzip. Those for which line says that they are no event, and those that are too long, are counted and
// passed over. The line is overwritten after the call. Of sealed events nothing can be read: ErrSealed.
func Lines(r io.Reader, line func([]byte) (readable bool)) (unreadable int, err error) {
	return lines(r, func(text []byte) (bool, error) {
		if event.IsSealed(text) {
			return false, ErrSealed
		}
		return line(text), nil
	})
}

func lines(r io.Reader, line func([]byte) (readable bool, err error)) (unreadable int, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return 0, err
		}
		defer z.Close()
		in = bufio.NewReaderSize(z, 64<<10)
	}
	for {
		text, err := readLine(in)
		if errors.Is(err, errLongLine) {
			unreadable++
			continue
		}
		if len(bytes.TrimSpace(text)) > 0 {
			readable, failed := line(text)
			if failed != nil {
				return unreadable, failed
			}
			if !readable {
				unreadable++
			}
		}
		if err == io.EOF {
			return unreadable, nil
		}
		if err != nil {
			return unreadable, err
		}
	}
}

// ErrSealed says that the events are encrypted.
var ErrSealed = errors.New("the events are encrypted: open them with `convosphere events open`, and read its output in place of the file (-)")

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
