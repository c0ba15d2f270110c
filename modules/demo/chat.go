package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// chat is the back end, as a child process. It ends with the demo, also where the demo is killed.
type chat struct {
	cmd      *exec.Cmd
	address  string // host:port it listens on
	ready    chan struct{}
	done     chan struct{} // closed when the process has ended
	stopping atomic.Bool
}

func newChat(binary string, d *demo) (*chat, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("finding a port for the chat: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, fmt.Errorf("finding a port for the chat: %w", err)
	}
	cmd := exec.Command(binary,
		"--listen", address, "--data", d.path("chat"),
		"--jwks", d.url+"/.well-known/jwks.json", "--jwks-ca", d.path("root.crt"), "--audience", "chat")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGTERM,
		Setpgid:   true, // Ctrl-C at the terminal reaches the gateway, which ends the chat when it has drained
	}
	return &chat{cmd: cmd, address: address, ready: make(chan struct{}), done: make(chan struct{})}, nil
}

// start runs the chat and waits until it says ready.
func (c *chat) start(ctx context.Context) error {
	out, err := c.cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("starting the chat: %w", err)
	}
	c.cmd.Stdout = os.Stderr
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("starting the chat: %w", err)
	}
	fmt.Fprintf(os.Stderr, "the chat runs as process %d on %s\n", c.cmd.Process.Pid, c.address)
	go func() {
		defer close(c.done)
		c.relay(out)
		_ = c.cmd.Wait() // how it ended is in its own words, relayed above
	}()
	select {
	case <-c.ready:
		return nil
	case <-c.done:
		return errors.New("the chat ended before it was ready; its words are above")
	case <-ctx.Done():
		return fmt.Errorf("waiting for the chat: %w", ctx.Err())
	}
}

// relay passes on what the chat says, line by line, but for its `ready`: that word is the demo's.
func (c *chat) relay(r io.Reader) {
	once := false
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if !once && lines.Text() == "ready" {
			once = true
			close(c.ready)
			continue
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	_, _ = io.Copy(os.Stderr, r) // a line longer than the scanner takes
}

// stop ends the chat: politely, then not. Safe where it never ran.
func (c *chat) stop(context.Context) {
	if c == nil || c.cmd.Process == nil {
		return
	}
	c.stopping.Store(true)
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // gone already: done says so
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill() // gone already: done says so
		<-c.done
	}
}
