// Package freeze stops processes that tests have started, as if they hung: they accept connections and answer nothing.
package freeze

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// T is what is needed of a test: a *testing.T is one, and so is kit's.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Process stops p. It returns once all its threads stand still: the signal reaches each at its own time, and one that runs on may answer.
func Process(t T, p *os.Process) {
	t.Helper()
	signal(t, p, syscall.SIGSTOP)
	for end := time.Now().Add(30 * time.Second); !still(p.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the process does not stop")
		}
	}
}

// Thaw lets p go on.
func Thaw(t T, p *os.Process) {
	t.Helper()
	signal(t, p, syscall.SIGCONT)
}

func signal(t T, p *os.Process, sig syscall.Signal) {
	t.Helper()
	if err := p.Signal(sig); err != nil {
		t.Fatalf("%v of process %d: %v", sig, p.Pid, err)
	}
}

// still tells whether no thread runs (proc(5), stat: the state follows the name in brackets).
func still(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended meanwhile
		}
		if !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T")) {
			return false
		}
	}
	return true
}
