package kit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// StopWithin is how long a process may take to end after SIGTERM.
const StopWithin = 15 * time.Second

// Process is a program that a test started. It is ended with the test.
type Process struct {
	Name string
	Log  string // the file with its standard output and error

	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read after done
}

// Command says what to start.
type Command struct {
	Name string // for messages and the log file
	Path string
	Args []string
	Env  []string // added to the environment
	Dir  string
}

// Start runs the program and has it stopped when the test ends. It then must end by itself on SIGTERM, with all its
// children, and must not have panicked.
func Start(t T, c Command) *Process {
	t.Helper()
	p := &Process{Name: c.Name, Log: filepath.Join(t.TempDir(), c.Name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.Log)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	defer log.Close()
	p.cmd = exec.Command(c.Path, c.Args...)
	// A file, not a pipe: a child that outlives its parent can't hold up Wait.
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = log, log, c.Dir
	p.cmd.Env = append(os.Environ(), c.Env...)
	// Its own group: a Ctrl-C at the terminal reaches the tests alone, which then end it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", c.Name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() { p.cleanup(t) })
	return p
}

func (p *Process) cleanup(t T) {
	if p.Running() {
		p.Stop(t)
	}
	out := p.Output()
	for _, bad := range []string{"panic: ", "WARNING: DATA RACE", "fatal error: "} {
		if i := strings.Index(out, bad); i >= 0 {
			t.Errorf("%s: the log holds %q:\n%s", p.Name, bad, tail(out[max(0, i-200):min(len(out), i+4000)], 60))
			return
		}
	}
	if t.Failed() {
		t.Logf("%s: end of the log:\n%s", p.Name, tail(out, 40))
		p.keepLog(t, out)
	}
}

// keepLog saves the log of a failed test where $GATEWAY_LOGS says.
func (p *Process) keepLog(t T, out string) {
	dir := os.Getenv("GATEWAY_LOGS")
	if dir == "" {
		return
	}
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name() + "-" + p.Name + "-" + strconv.Itoa(p.PID()) + ".log")
	if err := os.MkdirAll(dir, 0o755); err == nil {
		err = os.WriteFile(filepath.Join(dir, name), []byte(out), 0o644)
		t.Logf("log kept as %s (%v)", filepath.Join(dir, name), err)
	}
}

// PID is the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running tells whether it has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Output is what it wrote so far.
func (p *Process) Output() string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return ""
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}

// WaitLine waits for a line of the output that is the text, and fails when the process ends before.
func (p *Process) WaitLine(t T, text string, within time.Duration) {
	t.Helper()
	p.WaitUntil(t, within, "the line "+strconv.Quote(text), func() bool {
		for line := range strings.Lines(p.Output()) {
			if strings.TrimSpace(line) == text {
				return true
			}
		}
		return false
	})
}

// WaitUntil waits for ok to be true, and fails when the process ends before.
func (p *Process) WaitUntil(t T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(30 * time.Millisecond) {
		if !p.Running() {
			t.Fatalf("%s ended (%v) before %s:\n%s", p.Name, p.err, what, tail(p.Output(), 40))
		}
		if time.Now().After(end) {
			t.Fatalf("%s: waited %s in vain for %s:\n%s", p.Name, within, what, tail(p.Output(), 40))
		}
	}
}

func (p *Process) code() int {
	var e *exec.ExitError
	switch {
	case p.err == nil:
		return 0
	case errors.As(p.err, &e):
		return e.ExitCode() // -1: a signal
	}
	return -1
}

// Stop sends SIGTERM, waits for the process and all its children to end, and returns the exit code. What does not end in time is
// killed and fails the test.
func (p *Process) Stop(t T) int {
	t.Helper()
	return p.StopIn(t, StopWithin)
}

// StopIn is Stop of a process that may take another time.
func (p *Process) StopIn(t T, within time.Duration) int {
	t.Helper()
	family := Descendants(p.PID())
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("%s: SIGTERM: %v", p.Name, err)
	}
	select {
	case <-p.done:
	case <-time.After(within):
		t.Errorf("%s: still running %s after SIGTERM", p.Name, within)
		p.kill()
		<-p.done
	}
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := 0
		for _, c := range family {
			if c.Alive() {
				left++
				if time.Now().After(end) {
					t.Errorf("%s: its child %d (%s) outlived it", p.Name, c.PID, c.Name)
					c.kill()
				}
			}
		}
		if left == 0 || time.Now().After(end) {
			return p.code()
		}
	}
}

// Kill ends the process and its children with SIGKILL, as a power cut would.
func (p *Process) Kill(t T) {
	t.Helper()
	family := Descendants(p.PID())
	p.kill()
	for _, c := range family {
		c.kill()
	}
	<-p.done
	for _, c := range family {
		Eventually(t, 5*time.Second, fmt.Sprintf("killed child %d ends", c.PID), func() bool { return !c.Alive() })
	}
}

func (p *Process) kill() { _ = p.cmd.Process.Kill() } // an error says that it has ended already

// tail returns the last n lines.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	for i, l := range lines {
		if len(l) > 600 {
			lines[i] = l[:600] + "…"
		}
	}
	return strings.Join(lines, "\n")
}
