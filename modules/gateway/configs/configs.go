// Package configs keeps each configuration that came in force on a node, so that what was in force when can be told, compared and brought back: numbered
// from 1, encrypted with the key ring since a configuration may hold secrets, and no more than Most of them.
package configs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/owner"
)

const (
	// Most is how many are kept; the oldest go first.
	Most = 200

	// MostBytes bounds one.
	MostBytes = 16 << 20
)

// Sealer is the key ring.
type Sealer interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

// Version is one that was in force.
type Version struct {
	Number int
	At     time.Time // since when
	Digest string    // hexadecimal SHA-256 of its JSON
	Config json.RawMessage
}

// Book is a folder of them. One process writes it, many may read.
type Book struct {
	Dir  string
	Keys Sealer
}

var (
	// ErrNone is what asking for a version gives that is not kept.
	ErrNone = errors.New("there is no such version of the configuration")

	name = regexp.MustCompile(`^(\d{1,9})\.config$`)
)

func place(number int) string { return "configuration " + strconv.Itoa(number) }

func (b Book) path(number int) string {
	return filepath.Join(b.Dir, strconv.Itoa(number)+".config")
}

// Numbers are those that are kept, the oldest first.
func (b Book) Numbers() ([]int, error) {
	entries, err := os.ReadDir(b.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing configurations: %w", err)
	}
	var all []int
	for _, e := range entries {
		if m := name.FindStringSubmatch(e.Name()); m != nil && e.Type().IsRegular() {
			if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
				all = append(all, n)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Get opens one; 0 is the newest. Errors: ErrNone.
func (b Book) Get(number int) (v Version, err error) {
	if number == 0 {
		all, err := b.Numbers()
		if err != nil || len(all) == 0 {
			return v, cmp.Or(err, ErrNone)
		}
		number = all[len(all)-1]
	}
	info, err := os.Stat(b.path(number))
	if errors.Is(err, fs.ErrNotExist) {
		return v, ErrNone
	}
	if err == nil && info.Size() > MostBytes+1024 {
		err = errors.New("the file is too large")
	}
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(b.path(number))
	}
	if err == nil {
		raw, err = b.Keys.Unseal(raw, place(number))
	}
	if err == nil && len(raw) < 8 {
		err = errors.New("it is too short")
	}
	if err != nil {
		return v, fmt.Errorf("reading configuration %d: %w", number, err)
	}
	v = Version{Number: number, At: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), Config: raw[8:]}
	v.Digest = digest(v.Config)
	return v, nil
}

func digest(config []byte) string {
	sum := sha256.Sum256(config)
	return hex.EncodeToString(sum[:])
}

// Keep adds a configuration, unless the newest is the same; it returns which it is now. fresh tells whether it was added.
func (b Book) Keep(config json.RawMessage, at time.Time) (v Version, fresh bool, err error) {
	if len(config) > MostBytes {
		return v, false, fmt.Errorf("a configuration of %d bytes is too large to be kept", len(config))
	}
	all, err := b.Numbers()
	if err != nil {
		return v, false, err
	}
	number := 1
	if len(all) > 0 {
		number = all[len(all)-1] + 1
		// One that can't be opened, as of another key ring, is not the same.
		if last, err := b.Get(number - 1); err == nil && last.Digest == digest(config) {
			return last, false, nil
		}
	}
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), config...)
	sealed, err := b.Keys.Seal(plain, place(number))
	if err != nil {
		return v, false, fmt.Errorf("keeping a configuration: %w", err)
	}
	if err := b.write(number, sealed); err != nil {
		return v, false, fmt.Errorf("keeping a configuration: %w", err)
	}
	for _, old := range all[:max(0, len(all)+1-Most)] {
		err = errors.Join(err, os.Remove(b.path(old)))
	}
	return Version{number, at, digest(config), config}, true, err
}

// write puts the file in place whole or not at all.
func (b Book) write(number int, sealed []byte) error {
	if err := owner.MkdirAll(b.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(b.Dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = f.Write(sealed)
	if err := errors.Join(err, owner.Inherit(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), b.path(number))
}
