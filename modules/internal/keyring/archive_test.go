package keyring

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func equal(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, func(a, b []byte) bool { return string(a) == string(b) })
}

func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	all, err := Files(dir)
	if err != nil || len(all) != 3 {
		t.Fatal(len(all), err)
	}
	return all
}

func TestInstall(t *testing.T) {
	from, to, fresh := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "keys")
	keys, old := filesOf(t, from), filesOf(t, to)
	if aside, _, err := Install(fresh, keys); err != nil || aside != "" || !equal(filesOf(t, fresh), keys) {
		t.Fatal(aside, err)
	}
	if aside, _, err := Install(fresh, keys); err != nil || aside != "" {
		t.Fatal("again:", aside, err)
	}
	aside, undo, err := Install(to, keys)
	if err != nil || !equal(filesOf(t, to), keys) {
		t.Fatal(err)
	}
	if moved, err := Files(aside); err != nil || !equal(moved, old) {
		t.Fatal("the old keys are not aside:", err)
	}
	for _, dir := range []string{fresh, to, aside} {
		for name := range keys {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Error(name, err)
			}
		}
	}
	_ = os.Remove(filepath.Join(aside, "lock")) // of Files
	if err := undo(); err != nil || !equal(filesOf(t, to), old) {
		t.Fatal("undone:", err)
	}
	if _, err := os.Stat(aside); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// No name leads out of the folder, nor to what is no key.
func TestInstallRefusesOtherFiles(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(outside), "keys")
	old := filesOf(t, dir)
	for _, name := range []string{"", "lock", ".new-1", "../root.key", "/root.key", "a/root.key", "root.key\x00", "ROOT.KEY", "x.sh", ".key"} {
		if _, _, err := Install(dir, map[string][]byte{name: []byte("x")}); err == nil {
			t.Errorf("%q is installed", name)
		}
		if !equal(filesOf(t, dir), old) {
			t.Fatalf("%q has changed the folder", name)
		}
		if b, err := os.ReadFile(outside); string(b) != "mine" {
			t.Fatalf("%q has changed what is outside: %v", name, err)
		}
	}
	if _, _, err := Install(dir, map[string][]byte{"root.key": make([]byte, MaxFile+1)}); err == nil || !equal(filesOf(t, dir), old) {
		t.Error("a file of any size is installed:", err)
	}
	if _, err := Files(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
