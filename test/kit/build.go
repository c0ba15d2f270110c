package kit

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// Bin holds the paths of the built programs.
type Bin struct {
	Gateway string // convosphere
	Chat    string // chat, in the same folder
}

var (
	binOnce sync.Once
	bin     Bin
	binErr  string
)

// Binaries returns the programs under test: those in $GATEWAY_BIN_DIR, as `make test` sets it, else built
// once, under a lock, into a folder that the packages of this working tree share.
func Binaries(t T) Bin {
	t.Helper()
	binOnce.Do(func() { bin, binErr = binaries() })
	if binErr != "" {
		t.Fatalf("%s", binErr)
	}
	return bin
}

func binaries() (Bin, string) {
	if dir := os.Getenv("GATEWAY_BIN_DIR"); dir != "" {
		b := Bin{Gateway: filepath.Join(dir, "convosphere"), Chat: filepath.Join(dir, "chat")}
		for _, f := range []string{b.Gateway, b.Chat} {
			if _, err := os.Stat(f); err != nil {
				return b, "GATEWAY_BIN_DIR is set but a binary is missing (run `make build`): " + err.Error()
			}
		}
		return b, ""
	}
	root, err := findRoot()
	if err != nil {
		return Bin{}, err.Error()
	}
	sum := sha256.Sum256([]byte(root))
	dir := filepath.Join(os.TempDir(), "convosphere-bin-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Bin{}, err.Error()
	}
	// Test binaries of several packages run at the same time: one of them builds.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return Bin{}, err.Error()
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return Bin{}, "locking the folder of the binaries: " + err.Error()
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+string(filepath.Separator), "./cmd/convosphere", "./cmd/chat")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Bin{}, "building the binaries: " + err.Error() + "\n" + string(out)
	}
	return Bin{Gateway: filepath.Join(dir, "convosphere"), Chat: filepath.Join(dir, "chat")}, ""
}

// Root returns the top folder of the repository.
func Root(t T) string {
	t.Helper()
	dir, err := findRoot()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return dir
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", os.ErrNotExist
		}
		dir = up
	}
}
