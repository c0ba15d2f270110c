// Package redisfleet runs real redis-servers that belong together, for tests: a Cluster of masters, and a master with replicas and Sentinels.
// All are on free loopback ports, keep nothing on disk, and end with the test.
package redisfleet

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/test/freeze"
)

// T is what is needed of a test: a *testing.T is one, and so is kit's.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// patience is how long servers may take to start, and to agree with each other, on a busy machine.
const patience = 60 * time.Second

// Server is one redis-server, or one Sentinel.
type Server struct {
	Addr   string
	t      T
	cmd    *exec.Cmd
	client *redis.Client
}

// start runs the program with these arguments behind those that every one has, and waits until it answers.
func start(t T, addr string, over *TLS, args ...string) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("redis-server is missing, and these tests do not skip: run `make deps` as root, or apt-get install redis-server")
	}
	_, port, _ := net.SplitHostPort(addr) // made by free
	s := &Server{Addr: addr, t: t}
	s.client = redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Second, TLSConfig: over.config(t)})
	t.Cleanup(func() { _ = s.client.Close() })
	s.cmd = exec.Command(path, slices.Concat(args, over.listen(port), []string{"--bind", "127.0.0.1", "--dir", t.TempDir()})...)
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("starting redis-server: %v", err)
	}
	t.Cleanup(s.Kill)
	eventually(t, "an answer of redis-server", func(ctx context.Context) bool { return s.Client().Ping(ctx).Err() == nil })
	return s
}

// memory has a server keep nothing on disk.
var memory = []string{"--save", "", "--appendonly", "no"}

// Client of this one server, which is closed with the test. It retries nothing.
func (s *Server) Client() *redis.Client { return s.client }

// Kill ends the server as a power cut would.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill() // an error says that it has ended already
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Freeze stops the server where it is: it takes connections, as the kernel does that for it, and answers nothing.
func (s *Server) Freeze() { freeze.Process(s.t, s.cmd.Process) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { freeze.Thaw(s.t, s.cmd.Process) }

// free returns that many loopback addresses that nothing listens on.
func free(t T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("finding a free port: %v", err)
		}
		defer l.Close() // all are held until all are found, so that they differ
		all = append(all, l.Addr().String())
	}
	return all
}

// eventually calls f until it is true.
func eventually(t T, what string, f func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !f(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", patience, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// file names a file in a folder of its own.
func file(t T, name string) string { return filepath.Join(t.TempDir(), name) }
