package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Origin is where a policy comes from. One goroutine asks it at a time.
type Origin interface {
	// Fetch returns what is there; nil where it is what Fetch returned, or refused, before. With again it is returned anyhow.
	Fetch(ctx context.Context, again bool) (*Found, error)
	// Every is how long to wait between two looks.
	Every() time.Duration
	// String names it for people, without secrets.
	String() string
}

// fixed is an origin that has one policy, always.
type fixed struct {
	name string
	src  *engine.Source
}

// NewFixed is a policy that never changes: the one that is built in.
func NewFixed(name string, src *engine.Source) Origin { return fixed{name, src} }

// Every implements Origin.
func (fixed) Every() time.Duration { return 24 * time.Hour }

func (f fixed) String() string { return f.name }

// Fetch implements Origin.
func (f fixed) Fetch(_ context.Context, again bool) (*Found, error) {
	if !again {
		return nil, nil
	}
	return &Found{Source: f.src}, nil
}

// settled is how old a change must be to be told from a later one by its time: clocks of file systems tick slowly.
const settled = 2 * time.Second

// local is an origin in the file system. It looks each second at what `stat` says, and reads when that has changed and is quiet since
// the look before: so it sees half of nobody's edit, follows the links that a ConfigMap swaps, and works where a file system tells of
// no changes.
type local struct {
	name  string
	state func() (print string, newest time.Time, err error)
	load  func() (*Found, error)
	now   func() time.Time

	seen string // how it looked last time
	read string // how it looked when it was read
	last string // the digest of what was read
}

// Every implements Origin.
func (l *local) Every() time.Duration { return time.Second }

func (l *local) String() string { return l.name }

// Fetch implements Origin.
func (l *local) Fetch(_ context.Context, again bool) (*Found, error) {
	print, newest, err := l.state()
	if err != nil {
		return nil, err
	}
	if !again {
		if print == l.read {
			return nil, nil
		}
		if print != l.seen { // under change: wait until it is quiet
			l.seen = print
			return nil, nil
		}
	}
	found, err := l.load()
	after, _, stateErr := l.state()
	l.seen = after
	if stateErr != nil || after != print {
		if again {
			return found, err // the next look reads it again
		}
		return nil, nil
	}
	if l.read = print; l.now().Sub(newest).Abs() < settled {
		l.read = "" // what changes now may look the same: read it again
	}
	digest := ""
	if err != nil {
		err = &Refusal{Reason: Untrusted, Err: err}
		digest = "error: " + err.Error() // told once, not each second
	} else if digest, err = found.digest(); err != nil {
		return nil, err
	}
	if digest == l.last && !again {
		return nil, nil
	}
	l.last = digest
	return found, err
}

// digest tells one content from another, tests included.
func (f *Found) digest() (string, error) {
	if f.Raw != nil {
		return fmt.Sprintf("%x", sha256.Sum256(f.Raw)), nil
	}
	revision, err := f.Source.Revision()
	if err != nil {
		return "", err
	}
	tests, err := (&engine.Source{Modules: f.Source.Tests}).Revision()
	return revision + " " + tests + " " + f.Label, err
}

// NewFolder is a folder of Rego and data.json.
func NewFolder(folder string, now func() time.Time) Origin {
	return &local{
		name: folder, now: now,
		state: func() (string, time.Time, error) { return folderState(folder) },
		load: func() (*Found, error) {
			src, err := LoadFolder(folder)
			if err != nil {
				return nil, err
			}
			return &Found{Source: src}, nil
		},
	}
}

// LoadFolder reads a folder that must be one.
func LoadFolder(folder string) (*engine.Source, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("folder: %s is no folder", folder)
	}
	return loadFolder(folder)
}

// loadFolder is engine.Load with errors that name the folder too.
func loadFolder(folder string) (*engine.Source, error) {
	src, err := engine.Load(os.DirFS(folder))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return src, nil
}

// folderState is what `stat` says of a folder's files, behind links.
func folderState(folder string) (print string, newest time.Time, err error) {
	h := sha256.New()
	n := 0
	err = fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if n++; n > 4*engine.MaxFiles {
			return fmt.Errorf("the folder %s has more than %d files", folder, 4*engine.MaxFiles)
		}
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			fmt.Fprintf(h, "%q: gone\n", name) // a link to nowhere, or just removed
			return nil
		}
		fmt.Fprintf(h, "%q: %s\n", name, fileState(info))
		if t := info.ModTime(); t.After(newest) {
			newest = t
		}
		return nil
	})
	return string(h.Sum(nil)), newest, err
}

// fileState tells one state of a file from another; by its number in the file system also a file that was swapped for another as old.
func fileState(info fs.FileInfo) string {
	number := uint64(0)
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		number = s.Ino
	}
	return fmt.Sprintf("%s %d %d %d", info.Mode(), info.Size(), info.ModTime().UnixNano(), number)
}

// NewFile is a bundle in a file.
func NewFile(name string, trust *Trust, now func() time.Time) Origin {
	return &local{
		name: name, now: now,
		state: func() (string, time.Time, error) {
			info, err := os.Stat(name)
			if err != nil {
				return "", time.Time{}, err
			}
			return fileState(info), info.ModTime(), nil
		},
		load: func() (*Found, error) {
			raw, err := readBounded(name)
			if err != nil {
				return nil, err
			}
			return OpenBundle(raw, trust, now())
		},
	}
}
