// Package owner has files that root makes belong to whom the folder is: an operator's command must not leave the gateway, which runs as
// another user, with files that it can't read.
package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Inherit gives f, which this process has made, to the owner of the folder that it is in. Whoever is not root owns what they make, and that is
// left so.
//
// It takes the open file: the owner of the folder could put another in the place of a path, and have root give it away. So f must be one that was
// made (O_EXCL), never one that was found.
func Inherit(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return fmt.Errorf("giving %s its owner: %w", f.Name(), err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode()&os.ModeSticky != 0 { // a folder for everybody's files, as /tmp
		return nil
	}
	if err := f.Chown(int(s.Uid), int(s.Gid)); err != nil {
		return fmt.Errorf("giving %s its owner: %w", f.Name(), err)
	}
	return nil
}

// Create opens a file for reading and writing, making it (0600) where it is missing, as its folder's owner's.
func Create(path string) (*os.File, error) { return open(path, os.O_RDWR) }

// Append is Create for writing at the end alone.
func Append(path string) (*os.File, error) { return open(path, os.O_APPEND|os.O_WRONLY) }

// New makes a file (0600) for reading and writing, as its folder's owner's. One that is there is an error.
func New(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	return inherited(f, err)
}

// CreateTemp is os.CreateTemp for a file that is its folder's owner's.
func CreateTemp(dir, pattern string) (*os.File, error) {
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	return inherited(f, err)
}

func open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.OpenFile(path, flag, 0o600)
	}
	return inherited(f, err)
}

// inherited is a file that was made, given to its folder's owner.
func inherited(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	if err := Inherit(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// MkdirAll is os.MkdirAll that gives the folders it makes to the owner of the one that was there.
func MkdirAll(dir string, mode os.FileMode) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	var missing []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		missing = append(missing, at)
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	for _, made := range slices.Backward(missing) {
		if err := InheritDir(made); err != nil {
			return err
		}
	}
	return nil
}

// InheritDir is Inherit for a folder that was made.
func InheritDir(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("giving %s its owner: %w", dir, err)
	}
	return errors.Join(Inherit(f), f.Close())
}
