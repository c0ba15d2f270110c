package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// Kept is the last good bundle of one origin, in a file: so a gateway starts also while the origin is away. Only signed bundles are kept,
// and each time one is taken out it is verified anew: whoever changes the file gains nothing.
type Kept struct {
	file  string
	trust *Trust
}

// NewKept keeps in a folder the bundle of the origin of that name.
func NewKept(folder, origin string, trust *Trust) *Kept {
	return &Kept{filepath.Join(folder, fmt.Sprintf("%.6x.tar.gz", sha256.Sum256([]byte(origin)))), trust}
}

// Load takes the bundle out; nil where none is kept.
func (k *Kept) Load(now time.Time) (*Found, error) {
	if k.trust.Unsigned { // nothing would tell whether it is the one that was kept
		return nil, nil
	}
	raw, err := readBounded(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the kept policy: %w", err)
	}
	found, err := OpenBundle(raw, k.trust, now)
	if err != nil {
		return nil, fmt.Errorf("the kept policy %s is refused: %w", k.file, err)
	}
	return found, nil
}

// Save keeps a bundle, whole or not at all.
func (k *Kept) Save(raw []byte) error {
	if err := k.save(raw); err != nil {
		return fmt.Errorf("keeping the policy: %w", err)
	}
	return nil
}

func (k *Kept) save(raw []byte) error {
	dir := filepath.Dir(k.file)
	if err := owner.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // after the rename there is none
	_, err = f.Write(raw)
	if err = errors.Join(err, owner.Inherit(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), k.file)
}
