package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// isKeyFile tells the names of key files from the lock, files half written, and whatever would lead out of the folder.
var isKeyFile = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}\.(json|key)$`).MatchString

// MaxFile is the size of a key file at most. One key takes 300 bytes.
const MaxFile = 1 << 20

// CheckFile tells whether a key file may have that name and size.
func CheckFile(name string, size int) error {
	if !isKeyFile(name) || size > MaxFile {
		return fmt.Errorf("%q, of %d bytes, is no key file", name, size)
	}
	return nil
}

// Files reads the folder's key files as they are at one time, by name. Errors: fs.ErrNotExist where the folder is missing.
func Files(dir string) (map[string][]byte, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("reading the key folder: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return files(dir)
}

func files(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the key folder: %w", err)
	}
	found := map[string][]byte{}
	for _, e := range entries {
		if !isKeyFile(e.Name()) {
			continue
		}
		raw, err := read(filepath.Join(dir, e.Name()))
		if err == nil {
			err = CheckFile(e.Name(), len(raw))
		}
		if err != nil {
			return nil, err
		}
		found[e.Name()] = raw
	}
	return found, nil
}

// Install makes the folder hold exactly these key files. Other files that it held are moved into a new folder below it, whose path is
// returned; undo puts all back. No process may have the folder open: it would go on with the old keys.
func Install(dir string, keys map[string][]byte) (aside string, undo func() error, err error) {
	for name, raw := range keys { // first of all: undo removes by these names
		if err := CheckFile(name, len(raw)); err != nil {
			return "", nil, err
		}
	}
	if err := owner.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the key folder: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	old, err := files(dir)
	if err != nil {
		return "", nil, err
	}
	same := func(a, b []byte) bool { return string(a) == string(b) }
	if maps.EqualFunc(old, keys, same) {
		return "", func() error { return nil }, nil
	}
	if len(old) > 0 {
		if aside, err = os.MkdirTemp(dir, "replaced-"); err != nil { // mode 0700
			return "", nil, fmt.Errorf("moving the old keys aside: %w", err)
		}
	}
	undo = func() error { return restore(dir, aside, old, keys) }
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil {
			return "", nil, errors.Join(fmt.Errorf("moving an old key aside: %w", err), undo())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		path := filepath.Join(dir, name)
		if err := write(path, keys[name]); err != nil {
			return "", nil, errors.Join(err, undo())
		}
	}
	if aside != "" {
		err = owner.InheritDir(aside)
	}
	return aside, undo, err
}

// restore takes out the new files and puts the old ones back.
func restore(dir, aside string, old, keys map[string][]byte) error {
	var all error
	for name := range keys {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	if aside == "" {
		return all
	}
	for name := range old {
		if err := os.Rename(filepath.Join(aside, name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return errors.Join(all, os.Remove(aside))
}
