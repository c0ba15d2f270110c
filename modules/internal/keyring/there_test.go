package keyring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sealed(holds bool, err error) func() (bool, error) {
	return func() (bool, error) { return holds, err }
}

// Keys that are not mounted are not made anew for a database that holds something.
func TestOpenFor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := OpenFor(dir, sealed(true, nil)); err == nil || !strings.Contains(err.Error(), "convosphere restore") {
		t.Error("no folder:", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something was made:", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	away := errors.New("the database is away")
	if _, err := OpenFor(dir, sealed(false, away)); !errors.Is(err, away) {
		t.Error("what can't be told:", err)
	}
	if _, err := OpenFor(dir, sealed(true, nil)); err == nil {
		t.Error("an empty folder is taken")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Error("something was made:", left, err)
	}
	// Another node makes the ring while this one asks the database.
	if _, err := OpenFor(dir, func() (bool, error) {
		_, err := Open(dir)
		return true, err
	}); err != nil {
		t.Error("a shared folder:", err)
	}
	if _, err := OpenFor(dir, sealed(false, away)); err != nil {
		t.Error("keys that are there need no look at the database:", err)
	}
	// One that was being made is whole only with the root.
	if err := errors.Join(os.Remove(filepath.Join(dir, signingFile)), os.Remove(filepath.Join(dir, rootFile))); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFor(dir, sealed(true, nil)); err == nil {
		t.Error("half a ring is taken")
	}
	if _, err := OpenFor(dir, sealed(false, nil)); err != nil {
		t.Error("a first start that was broken off:", err)
	}
}

func TestCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := Check(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	root := filepath.Join(dir, rootFile)
	if err := os.WriteFile(root, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir); err == nil || !strings.Contains(err.Error(), "32 bytes") {
		t.Error("a root of another length:", err)
	}
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("looking made a key")
	}
}
