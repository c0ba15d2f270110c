package author

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// starter is what New writes: a policy with its tests, inputs to try it with, and a Caddyfile that uses it.
//
//go:embed starter
var starter embed.FS

// New writes a policy to begin with into a folder, which must be new or empty, and returns what it wrote.
func New(dir string) ([]string, error) {
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty", dir)
	}
	files, err := fs.Sub(starter, "starter")
	if err != nil {
		return nil, err
	}
	var written []string
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // never over what somebody wrote
		if err != nil {
			return err
		}
		written = append(written, to)
		_, err = f.Write(raw)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	return written, nil
}
