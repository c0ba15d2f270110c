package check

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// world is a set of network namespaces, gone with the test. Namespaces have names, so that programs can be started in them.
type world struct {
	t      *testing.T
	prefix string
	cables atomic.Int32
}

var worlds atomic.Int32

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces are root's to make: run this as root")
	}
	sweep(t)
	return &world{t: t, prefix: fmt.Sprintf("gwcheck-%d-%d-", os.Getpid(), worlds.Add(1))}
}

// sweep removes the namespaces of runs that were killed.
func sweep(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob("/var/run/netns/gwcheck-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		m := regexp.MustCompile(`gwcheck-(\d+)-`).FindStringSubmatch(path)
		if pid, _ := strconv.Atoi(m[1]); syscall.Kill(pid, 0) != nil {
			ip(t, "netns", "del", filepath.Base(path))
		}
	}
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// space is one namespace of a world.
type space struct {
	w    *world
	name string // as `ip netns` has it
}

func (w *world) space(name string) *space {
	w.t.Helper()
	s := &space{w: w, name: w.prefix + name}
	ip(w.t, "netns", "add", s.name)
	w.t.Cleanup(func() { ip(w.t, "netns", "del", s.name) })
	s.ip("link", "set", "lo", "up")
	return s
}

func (s *space) ip(args ...string) {
	s.w.t.Helper()
	ip(s.w.t, append([]string{"-n", s.name}, args...)...)
}

// path is the file that stands for the namespace.
func (s *space) path() string { return "/var/run/netns/" + s.name }

// sysctl sets a kernel setting of the namespace's.
func (s *space) sysctl(name, value string) {
	s.w.t.Helper()
	s.exec("", "sh", "-c", "echo "+value+" > /proc/sys/"+strings.ReplaceAll(name, ".", "/"))
}

// exec runs a program in the namespace.
func (s *space) exec(stdin string, args ...string) string {
	s.w.t.Helper()
	c := exec.Command("ip", append([]string{"netns", "exec", s.name}, args...)...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		s.w.t.Fatalf("in %s: %s: %v: %s", s.name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// rules replaces the packet filter.
func (s *space) rules(text string) {
	s.w.t.Helper()
	s.exec("flush ruleset\n"+text, "nft", "-f", "-")
}

// cable joins two namespaces and returns the names of its ends.
func (w *world) cable(a, b *space) (string, string) {
	w.t.Helper()
	n := w.cables.Add(1)
	x, y := fmt.Sprintf("c%da", n), fmt.Sprintf("c%db", n)
	a.ip("link", "add", x, "type", "veth", "peer", "name", y, "netns", b.name)
	a.ip("link", "set", x, "up")
	b.ip("link", "set", y, "up")
	return x, y
}

// within runs f on a thread that is in the namespace. What it opens stays there.
func (s *space) within(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this goroutine, and nobody else gets one in a foreign namespace.
		runtime.LockOSThread()
		fd, err := os.Open(s.path())
		if err != nil {
			done <- err
			return
		}
		defer fd.Close()
		if err := unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("entering %s: %w", s.name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// dial connects from within the namespace. Addresses are IP and port, so nothing is looked up elsewhere.
func (s *space) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = s.within(func() error {
		var err error
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// reaches tells whether a connection comes about.
func (s *space) reaches(address string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	conn, err := s.dial(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close() // it was there
	return true
}

// listen takes connections at the address until the test ends.
func (s *space) listen(address string) {
	s.w.t.Helper()
	var l net.Listener
	err := s.within(func() error {
		var err error
		l, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		s.w.t.Fatalf("%s: %v", s.name, err)
	}
	s.w.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			_ = conn.Close()
		}
	}()
}
