package waf

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// rulesFS is what Coraza reads rules and their data from: paths with @ are the Core Rule Set in the binary, all others
// are the disk's. It remembers what was asked of the disk and what the answer was.
type rulesFS struct {
	mu     sync.Mutex
	seen   []dependency
	silent bool // nothing is remembered
}

// dependency is one question to the disk while rules were loaded.
type dependency struct {
	glob bool
	name string
	sum  [sha256.Size]byte // of the answer
}

// again is for reading the same files a second time, which are no new dependencies.
func (f *rulesFS) again() *rulesFS { return &rulesFS{silent: true} }

func (f *rulesFS) record(glob bool, name string, answer []byte) {
	if f.silent {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, dependency{glob, name, sha256.Sum256(answer)})
}

func embedded(name string) bool { return strings.Contains(name, "@") }

// Open implements fs.FS.
func (f *rulesFS) Open(name string) (fs.File, error) {
	if embedded(name) {
		return coreruleset.FS.Open(name[strings.Index(name, "@"):])
	}
	return os.Open(name)
}

// ReadFile implements fs.ReadFileFS.
func (f *rulesFS) ReadFile(name string) ([]byte, error) {
	if embedded(name) {
		return fs.ReadFile(coreruleset.FS, name)
	}
	b, err := os.ReadFile(name)
	f.record(false, name, contents(b, err))
	return b, err
}

// Glob implements fs.GlobFS.
func (f *rulesFS) Glob(pattern string) ([]string, error) {
	if embedded(pattern) {
		return fs.Glob(coreruleset.FS, pattern)
	}
	names, err := filepath.Glob(pattern)
	f.record(true, pattern, []byte(strings.Join(names, "\x00")))
	return names, err
}

// contents tells an unreadable file from an empty one: Coraza tries several folders for a data file, and one that
// appears in an earlier folder changes the rules.
func contents(b []byte, err error) []byte {
	if err != nil {
		return []byte("absent")
	}
	return append([]byte("present\x00"), b...)
}

// now asks the disk again.
func (d dependency) now() [sha256.Size]byte {
	if d.glob {
		names, _ := filepath.Glob(d.name) // a bad pattern failed at load
		return sha256.Sum256([]byte(strings.Join(names, "\x00")))
	}
	return sha256.Sum256(contents(os.ReadFile(d.name)))
}

func changed(deps []dependency) bool {
	return slices.ContainsFunc(deps, func(d dependency) bool { return d.now() != d.sum })
}
