package keyring

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// stranger has the rest of the test act on files as somebody who is not root; where it is not root, it is left so.
func stranger(t *testing.T, files ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	for _, f := range files {
		if err := os.Chown(f, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread() // the id is the thread's alone
	if _, _, err := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); err != 0 {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		runtime.UnlockOSThread()
	})
}

// A folder that can't be written, such as a mounted secret, serves: nothing is made or replaced there.
func TestReadOnlyFolder(t *testing.T) {
	above := t.TempDir()
	for _, d := range []string{above, filepath.Dir(above)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, c := filepath.Join(above, "keys"), newClock()
	want, _ := openAt(t, dir, c).Signer()
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) // or nobody can remove it
	stranger(t, dir, filepath.Join(dir, signingFile), filepath.Join(dir, dataFile), filepath.Join(dir, rootFile))
	r, err := open(dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	if kid, _ := r.Signer(); kid != want {
		t.Error("another key")
	}
	if files, err := Files(dir); err != nil || len(files) != 3 {
		t.Error("for a backup:", len(files), err)
	}
	if err := r.look(); err != nil {
		t.Error(err)
	}
	if _, err := r.Rotate(); err == nil || !strings.Contains(err.Error(), "permission denied") || !strings.Contains(err.Error(), "rotate a copy") {
		t.Error("rotated:", err)
	}
	if kid, _ := r.Signer(); kid != want || len(r.Keys()) != 1 {
		t.Error("changed by what could not be written")
	}
	// A lock that is somebody else's, in a folder that can be written, keeps out: without it two could write at once.
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o000); err != nil {
		t.Fatal(err)
	}
	if _, err := open(dir, c.now); err == nil || !strings.Contains(err.Error(), "locking the key folder") {
		t.Error("without the lock:", err)
	}
}
