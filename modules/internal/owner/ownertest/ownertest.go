// Package ownertest has folders that are somebody else's, as a gateway's are for the root who runs its commands.
package ownertest

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// service is the user whom images and packages run the gateway as.
const service = 65532

// Folder is a new folder of the service's user. A test that is not root has one of its own: what it makes there is its own in any case.
func Folder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, service, service); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Check finds what in a Folder is not its owner's, and that each of the names (folders or files below it) is there.
func Check(t testing.TB, dir string, names ...string) {
	t.Helper()
	want := uint32(os.Geteuid())
	if want == 0 {
		want = service
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("it was not made: %v", err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != want || want == service && s.Gid != service {
			t.Errorf("%s is not its folder's owner's", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
