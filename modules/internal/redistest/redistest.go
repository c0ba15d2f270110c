// Package redistest runs a real redis-server for tests.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a redis-server on a free port of the loopback, which keeps nothing on disk.
type Server struct {
	Addr string
	t    testing.TB
	cmd  *exec.Cmd
}

// Start runs one until the test ends. Without a redis-server the test fails.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: l.Addr().String(), t: t}
	_ = l.Close()
	s.Run(args...)
	t.Cleanup(s.Kill)
	return s
}

// Run starts the server, again after Kill, and waits until it answers.
func (s *Server) Run(args ...string) {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	s.cmd = exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir()}, args...)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting redis-server (Debian package redis-server): %v", err)
	}
	c := s.Client()
	defer c.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := c.Ping(context.Background()).Err()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// Kill ends the server at once.
func (s *Server) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// URL of the server.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Client of the server, as the gateway's store makes it: no retries, contexts' deadlines hold.
func (s *Server) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Second})
}

// Scripts counts the scripts that the server has run.
func (s *Server) Scripts() int {
	s.t.Helper()
	c := s.Client()
	defer c.Close()
	info, err := c.InfoMap(context.Background(), "commandstats").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, name := range []string{"cmdstat_evalsha", "cmdstat_eval"} {
		var calls int
		if _, err := fmt.Sscanf(info["Commandstats"][name], "calls=%d", &calls); err == nil {
			n += calls
		}
	}
	return n
}
