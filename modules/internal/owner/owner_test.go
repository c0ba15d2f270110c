package owner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func uid(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// What root makes in somebody's folder is theirs; without root, everything is one's own already.
func TestInherit(t *testing.T) {
	dir := t.TempDir()
	want := uint32(os.Geteuid())
	if want == 0 {
		want = 4711
		if err := os.Chown(dir, 4711, 4711); err != nil {
			t.Fatal(err)
		}
	}
	deep := filepath.Join(dir, "a", "b")
	if err := MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(deep, "f")
	all := []string{filepath.Join(dir, "a"), deep, file, file + "-appended", file + "-new"}
	put := func(f *os.File, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("x"); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		all = append(all, f.Name())
	}
	for range 2 { // made, then found
		put(Create(file))
		put(Append(file + "-appended"))
		put(CreateTemp(deep, "temporary-*"))
	}
	put(New(file + "-new"))
	if f, err := New(file + "-new"); !errors.Is(err, fs.ErrExist) {
		t.Error(f, err)
	}
	if raw, err := os.ReadFile(file + "-appended"); string(raw) != "xx" {
		t.Errorf("%q %v", raw, err)
	}
	for _, path := range all {
		if got := uid(t, path); got != want {
			t.Errorf("%s is %d's, want %d's", path, got, want)
		}
	}
	if err := MkdirAll(deep, 0o700); err != nil {
		t.Error(err)
	}
}

// A folder for everybody's files has an owner who is not theirs.
func TestSharedFoldersGiveNoOwner(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 4711, 4711); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "f")
	f, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := uid(t, file); got != uint32(os.Geteuid()) {
		t.Errorf("it is %d's", got)
	}
}

// The owner of a folder puts links to somebody else's file where root will write: it is not given away.
func TestWhatIsFoundIsNotGivenAway(t *testing.T) {
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 4711, 4711); err != nil {
			t.Fatal(err)
		}
	}
	soft, hard := filepath.Join(dir, "soft"), filepath.Join(dir, "hard")
	for _, err := range []error{os.Symlink(other, soft), os.Link(other, hard), os.Symlink(filepath.Dir(other), filepath.Join(dir, "folder"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{soft, hard} {
		f, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := InheritDir(filepath.Join(dir, "folder")); os.Geteuid() == 0 && err == nil {
		t.Error("a link to a folder is followed")
	}
	for _, path := range []string{other, filepath.Dir(other)} {
		if got := uid(t, path); got != uint32(os.Geteuid()) {
			t.Errorf("%s was given to %d", path, got)
		}
	}
}
