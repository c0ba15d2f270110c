package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Lacks tells whether the folder has not the keys that what rests was sealed with: it is missing or empty, as of a secret that is not mounted, or has lost
// a file. Of one that can't be looked into this is not known: the reader tells.
func Lacks(dir string) bool {
	for _, name := range []string{dataFile, rootFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// OpenFor is Open for a database. A new ring is made only where the database holds nothing yet, which sealed tells: keys that were lost, or are not mounted, are not
// replaced, since new ones would open nothing of it. Fail closed: what can't be told is an error.
func OpenFor(dir string, sealed func() (bool, error)) (*Ring, error) {
	if Lacks(dir) {
		holds, err := sealed()
		if err != nil {
			return nil, err
		}
		// Again, since another process that shares the folder may have made both meanwhile: keys come before rows.
		if holds && Lacks(dir) {
			return nil, fmt.Errorf("the key folder %s has no keys, and the database holds what was sealed with them: mount the folder, or bring it back from a backup (convosphere restore); new keys would open nothing of it", dir)
		}
	}
	return Open(dir)
}

// Check reads the keys of a folder as Open does, and makes and changes nothing. Errors: fs.ErrNotExist for what is missing.
func Check(dir string) error {
	r := new(Ring)
	for _, part := range []struct {
		name string
		use  func([]byte) error
	}{{dataFile, r.useData}, {rootFile, r.useRoot}, {signingFile, r.useSigning}} {
		path := filepath.Join(dir, part.name)
		raw, err := read(path)
		if err != nil {
			return err
		}
		if err := part.use(raw); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return nil
}
