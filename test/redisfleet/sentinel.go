package redisfleet

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// masterName is what the Sentinels call the master.
const masterName = "gateway"

// Sentinels is a master, its replicas, and three Sentinels that watch them and agree by two.
type Sentinels struct {
	First    *Server // the master at the start
	Replicas []*Server
	Watchers []*Server
	t        T
}

// StartSentinels runs a master with n replicas. The Sentinels take a master for dead after a second of silence.
func StartSentinels(t T, n int) *Sentinels {
	t.Helper()
	return StartSentinelsOver(t, n, nil)
}

// StartSentinelsOver is StartSentinels of servers that speak TLS alone; nil: in the clear.
func StartSentinelsOver(t T, n int, over *TLS) *Sentinels {
	t.Helper()
	addrs := free(t, 1+n+3)
	s := &Sentinels{t: t, First: start(t, addrs[0], over, memory...)}
	host, port, _ := net.SplitHostPort(s.First.Addr) // made by free
	for _, addr := range addrs[1 : 1+n] {
		s.Replicas = append(s.Replicas, start(t, addr, over, append([]string{"--replicaof", host, port, "--repl-diskless-sync-delay", "0"}, memory...)...))
	}
	eventually(t, "replicas that follow their master", func(ctx context.Context) bool {
		return info(ctx, s.First, "connected_slaves") == strconv.Itoa(n) && !strings.Contains(text(ctx, s.First), "state=wait") && s.follow(ctx)
	})
	for _, addr := range addrs[1+n:] {
		conf := file(t, "sentinel.conf")
		if err := os.WriteFile(conf, fmt.Appendf(nil, `sentinel monitor %[1]s %[2]s %[3]s 2
sentinel down-after-milliseconds %[1]s 1000
sentinel failover-timeout %[1]s 5000
sentinel parallel-syncs %[1]s 1
`, masterName, host, port), 0o600); err != nil {
			t.Fatalf("writing a Sentinel's configuration: %v", err)
		}
		s.Watchers = append(s.Watchers, start(t, addr, over, conf, "--sentinel"))
	}
	eventually(t, "Sentinels that know each other and the replicas", func(ctx context.Context) bool {
		for _, w := range s.Watchers {
			if !strings.Contains(text(ctx, w), fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=3", s.First.Addr, n)) {
				return false
			}
		}
		return true
	})
	return s
}

func (s *Sentinels) follow(ctx context.Context) bool {
	for _, r := range s.Replicas {
		if info(ctx, r, "master_link_status") != "up" {
			return false
		}
	}
	return true
}

// URL is the address as the option `store redis` takes it.
func (s *Sentinels) URL() string {
	var all []string
	for _, w := range s.Watchers {
		all = append(all, w.Addr)
	}
	return "redis+sentinel://" + strings.Join(all, ",") + "/" + masterName
}

// Client that asks the Sentinels for the master, closed with the test, as the gateway's store makes it.
func (s *Sentinels) Client() *redis.Client {
	var all []string
	for _, w := range s.Watchers {
		all = append(all, w.Addr)
	}
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: masterName, SentinelAddrs: all, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Second,
	})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Master is whom the Sentinels agree on: nil while they do not, or while it does not take itself for one.
func (s *Sentinels) Master(ctx context.Context) *Server {
	var addr string
	for _, w := range s.Watchers {
		c := redis.NewSentinelClient(&redis.Options{Addr: w.Addr, ContextTimeoutEnabled: true})
		pair, err := c.GetMasterAddrByName(ctx, masterName).Result()
		_ = c.Close()
		if err != nil || len(pair) != 2 {
			return nil
		}
		named := net.JoinHostPort(pair[0], pair[1])
		if addr != "" && named != addr {
			return nil
		}
		addr = named
	}
	for _, m := range append([]*Server{s.First}, s.Replicas...) {
		if m.Addr == addr && info(ctx, m, "role") == "master" {
			return m
		}
	}
	return nil
}

// Failed waits until another than the first master is one, and returns it.
func (s *Sentinels) Failed() *Server {
	s.t.Helper()
	var m *Server
	eventually(s.t, "another master", func(ctx context.Context) bool {
		m = s.Master(ctx)
		return m != nil && m != s.First
	})
	return m
}

// Lag has the replicas follow the master by way of addr, where a test may put what slows them down. The Sentinels mind, and set it right after
// some ten seconds.
func (s *Sentinels) Lag(addr string) {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	for _, r := range s.Replicas {
		if err := r.Client().Do(context.Background(), "REPLICAOF", host, port).Err(); err != nil {
			s.t.Fatalf("redirecting a replica: %v", err)
		}
	}
	eventually(s.t, "replicas that follow by the other way", s.follow)
}

// Offset of what the server has written for its replicas, and the one at which it became a master, in bytes.
func (s *Server) Offset() (now, taken int64) {
	s.t.Helper()
	t := text(context.Background(), s)
	now, _ = strconv.ParseInt(value(t, "master_repl_offset"), 10, 64)
	taken, _ = strconv.ParseInt(value(t, "second_repl_offset"), 10, 64)
	if now == 0 {
		s.t.Fatalf("%s tells no offset", s.Addr)
	}
	return now, taken
}

// Scripts counts the scripts that the server has run.
func (s *Server) Scripts() (n int) {
	s.t.Helper()
	t, err := s.Client().Info(context.Background(), "commandstats").Result()
	if err != nil {
		s.t.Fatalf("asking %s what it ran: %v", s.Addr, err)
	}
	for _, name := range []string{"cmdstat_evalsha", "cmdstat_eval"} {
		var calls int
		if _, err := fmt.Sscanf(value(t, name), "calls=%d", &calls); err == nil { // none are not told of
			n += calls
		}
	}
	return n
}

func text(ctx context.Context, s *Server) string {
	t, _ := s.Client().Info(ctx).Result() // nothing is told by one that does not answer
	return t
}

func info(ctx context.Context, s *Server, name string) string { return value(text(ctx, s), name) }

// value of a line name:value.
func value(text, name string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && k == name {
			return v
		}
	}
	return ""
}
