package modes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "events")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	file := put(t, filepath.Join(inner, "events.jsonl"), 0o600)
	outside := put(t, filepath.Join(t.TempDir(), "open"), 0o666)
	if err := os.Symlink(outside, filepath.Join(inner, "link")); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir, filepath.Join(dir, "none"), file); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		mode os.FileMode
	}{{file, 0o640}, {file, 0o604}, {file, 0o620}, {file, 0o602}, {file, 0o644}, {inner, 0o775}, {inner, 0o777}} {
		info, err := os.Stat(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		if err := Check(dir); err == nil || !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s with mode %o: %v", c.path, c.mode, err)
		}
		if err := os.Chmod(c.path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range shown + 3 {
		put(t, filepath.Join(dir, fmt.Sprint(i)), 0o644)
	}
	if err := Check(dir); err == nil || !strings.Contains(err.Error(), "and 3 more") {
		t.Error(err)
	}
}

// A data folder may be a link to another disk: what it leads to is looked at.
func TestALinkedFolderIsLookedInto(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "data")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600), os.Chmod(filepath.Join(dir, "secret"), 0o644), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	if err := Check(link); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("a file that others can read, behind a link: %v", err)
	}
}

// A folder that everybody may write to is refused; one that its group may write to, as Kubernetes' fsGroup makes it, is not.
func TestCheckFolder(t *testing.T) {
	dir := t.TempDir()
	for mode, fine := range map[os.FileMode]bool{
		0o700: true, 0o755: true, 0o775 | os.ModeSetgid: true, 0o777 | os.ModeSticky: true, 0o777: false, 0o702: false, 0o777 | os.ModeSetgid: false,
	} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := CheckFolder(dir); (err == nil) != fine || err != nil && !strings.Contains(err.Error(), "chmod o-w") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if err := CheckFolder(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
}

// An emptyDir of Kubernetes with an fsGroup is taken, and no other folder of root's that everybody may write to.
func TestAnybodys(t *testing.T) {
	for _, c := range []struct {
		mode    os.FileMode
		mounted bool
		want    bool
	}{{0o777 | os.ModeSetgid, true, false}, {0o777 | os.ModeSetgid, false, true}, {0o777, true, true}, {0o775, false, false}, {0o777 | os.ModeSticky, false, false}} {
		if got := anybodys(c.mode, c.mounted); got != c.want {
			t.Errorf("%v, mounted %v: %v", c.mode, c.mounted, got)
		}
	}
}
