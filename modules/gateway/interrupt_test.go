package gateway

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A restore that is interrupted leaves nothing of what it has decrypted.
func TestInterruptedRestoreLeavesNothing(t *testing.T) {
	data, key := people(t, "ursula"), newKey(t)
	file := filepath.Join(t.TempDir(), "b.backup")
	if out, err := command("backup", "", file, "--data", data, "--key-file", key); err != nil {
		t.Fatal(out, err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	caught := make(chan os.Signal, 1) // also where the command does not, so that it is the test that fails
	signal.Notify(caught, syscall.SIGTERM)
	defer signal.Stop(caught)
	for _, args := range [][]string{{"--verify"}, {"--data", filepath.Join(t.TempDir(), "new")}} {
		tmp := t.TempDir()
		t.Setenv("TMPDIR", tmp)
		at := tmp
		if args[0] == "--data" {
			at = args[1]
		}
		pipe := filepath.Join(t.TempDir(), "b.backup")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := command("restore", "", append([]string{pipe, "--key-file", key}, args...)...)
			done <- err
		}()
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		half := len(raw) - 20
		if _, err := w.Write(raw[:half]); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); len(scratch(at)) == 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it has not begun")
			}
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-caught
		time.Sleep(100 * time.Millisecond) // until whoever else listens has heard
		_, _ = w.Write(raw[half:])         // it may be gone already
		_ = w.Close()
		if err := <-done; err == nil || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("%s: %v", args, err)
		}
		if left := scratch(at); len(left) > 0 {
			t.Errorf("%s: left %s", args, left)
		}
		if _, err := os.Stat(filepath.Join(at, "gateway.db")); err == nil {
			t.Errorf("%s: a database was put in place", args)
		}
	}
}

func scratch(dir string) []string {
	left, _ := filepath.Glob(filepath.Join(dir, ".restoring-*"))
	return left
}
