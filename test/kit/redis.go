package kit

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a real redis-server of its own.
type Redis struct {
	Addr     string
	Password string // required, so that tests see it leak
	Process  *Process
}

// StartRedis starts a redis-server in memory on a free loopback port.
func StartRedis(t T) *Redis {
	t.Helper()
	port := FreePort(t)
	r := &Redis{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Password: "redis-secret-" + strconv.Itoa(port)}
	r.Again(t)
	return r
}

// Again starts it after its end, empty, where it was.
func (r *Redis) Again(t T) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		t.Fatalf("redis: %v", err)
	}
	r.Process = Start(t, Command{Name: "redis", Path: need(t, "redis-server", "redis-server"), Args: []string{
		"--bind", host, "--port", port, "--requirepass", r.Password,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", t.TempDir(),
	}})
	c := r.Client(t)
	r.Process.WaitUntil(t, 10*time.Second, "an answer to PING", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return c.Ping(ctx).Err() == nil
	})
}

// URL is the address as the option `store redis` takes it.
func (r *Redis) URL() string { return "redis://:" + r.Password + "@" + r.Addr + "/0" }

// Client returns a client that is closed with the test.
func (r *Redis) Client(t T) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: r.Addr, Password: r.Password})
	t.Cleanup(func() { c.Close() })
	return c
}

// need finds a program, or fails and names the Debian package that has it.
func need(t T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing, and these tests do not skip: run `make deps` as root, or apt-get install %s", program, pkg)
	}
	return path
}
