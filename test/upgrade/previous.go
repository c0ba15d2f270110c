package upgrade

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

//go:embed previous
var previous string

// Release is one that was built.
type Release struct {
	Version string
	Commit  string
	Gateway string // the program
	Source  string // what it was built from
}

// Previous builds the release before this one from the repository, unless that was done already.
func Previous(repository string) (r Release, err error) {
	fields := strings.Fields(previous)
	if len(fields) != 2 {
		return r, errors.New("the file test/upgrade/previous has a version and a commit")
	}
	r.Version, r.Commit = fields[0], fields[1]
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "convosphere-previous", r.Commit)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return r, err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return r, err
	}
	defer unlock()
	r.Gateway, r.Source = filepath.Join(dir, "convosphere"), filepath.Join(dir, "source")
	if _, err := os.Stat(r.Gateway); err == nil { // it is put in place last of all
		return r, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if err := errors.Join(os.RemoveAll(r.Source), os.Mkdir(r.Source, 0o700)); err != nil {
		return r, err
	}
	if err := unpack(repository, r.Commit, r.Source); err != nil {
		return r, err
	}
	return r, build(r.Source, r.Gateway)
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // ends the lock; nothing was written
}

// unpack takes the commit's files out of git, which a shallow clone may have to ask its origin for.
func unpack(repository, commit, into string) error {
	if _, err := run(repository, nil, "git", "cat-file", "-e", commit+"^{commit}"); err != nil {
		if _, err := run(repository, nil, "git", "fetch", "--depth=1", "origin", commit); err != nil {
			return fmt.Errorf("commit %s, of the release before, is not in this clone and can't be fetched: %w", commit, err)
		}
	}
	archive, err := run(repository, nil, "git", "archive", "--format=tar", commit)
	if err != nil {
		return err
	}
	_, err = run(into, archive, "tar", "-x")
	return err
}

func build(source, program string) error {
	if _, err := run(source, nil, "go", "build", "-buildvcs=false", "-trimpath", "-o", program+".new", "./cmd/convosphere"); err != nil {
		return err
	}
	return os.Rename(program+".new", program)
}

func run(dir string, in []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(in), &out, &errs
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%.2000s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes(), nil
}
