package store

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/link"
)

// start runs a server of Redis on a free loopback port and waits until it listens. Each argument's PORT becomes the port.
func start(t *testing.T, program string, args ...string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.Command(program, append(args, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir())...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed: %v", program, err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", program)
	return ""
}

func server(t *testing.T, args ...string) string {
	return start(t, "redis-server", append([]string{"--save", "", "--appendonly", "no"}, args...)...)
}

// cluster is a Cluster of one node that owns every slot.
func cluster(t *testing.T) string {
	addr := server(t, "--cluster-enabled", "yes")
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	if err := c.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if info, _ := c.ClusterInfo(t.Context()).Result(); strings.Contains(info, "cluster_state:ok") {
			return addr
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the Cluster does not come up")
	return ""
}

// sentinel is a Sentinel that watches a server of its own as "main".
func sentinel(t *testing.T) string {
	host, port, _ := net.SplitHostPort(server(t))
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, []byte("sentinel monitor main "+host+" "+port+" 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "redis-server", conf, "--sentinel")
}

// each runs the test on every store there is.
func each(t *testing.T, f func(t *testing.T, s Store)) {
	t.Run("memory", func(t *testing.T) { f(t, NewMemory(0)) })
	for name, address := range map[string]func() string{
		"single":   func() string { return "redis://" + server(t) },
		"cluster":  func() string { return "redis+cluster://" + cluster(t) },
		"sentinel": func() string { return "redis+sentinel://" + sentinel(t) + "/main" },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := OpenRedis(t.Context(), address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			f(t, s)
		})
	}
}

func TestContract(t *testing.T) {
	each(t, func(t *testing.T, s Store) {
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := s.Get(ctx, Key("t", "a")); ok || err != nil {
			t.Fatalf("an absent key: %v %v", ok, err)
		}
		must(s.Set(ctx, Key("t", "a"), []byte("1"), time.Minute))
		if ok, err := s.Add(ctx, Key("t", "a"), []byte("2"), time.Minute); ok || err != nil {
			t.Fatalf("Add over a value: %v %v", ok, err)
		}
		if v, ok, _ := s.Get(ctx, Key("t", "a")); !ok || string(v) != "1" {
			t.Fatalf("Get: %q %v", v, ok)
		}
		must(s.Delete(ctx, Key("t", "a")))
		if ok, err := s.Add(ctx, Key("t", "a"), []byte("2"), 30*time.Millisecond); !ok || err != nil {
			t.Fatalf("Add: %v %v", ok, err)
		}
		time.Sleep(60 * time.Millisecond)
		if _, ok, _ := s.Get(ctx, Key("t", "a")); ok {
			t.Fatal("a value outlived its expiry")
		}
		checkIncr(t, s)
		if err := s.Set(ctx, Key("t", "big"), bytes.Repeat([]byte("x"), maxValue+1), time.Minute); err == nil {
			t.Fatal("a value over the limit was stored")
		}
	})
}

// checkIncr counts to three, and then past the first one's expiry, which later ones must not push.
func checkIncr(t *testing.T, s Store) {
	t.Helper()
	const lasts = 200 * time.Millisecond
	for attempt := range 20 {
		key, began := Key("t", fmt.Sprint("n", attempt)), time.Now()
		var counts []int64
		for range 3 {
			n, err := s.Incr(t.Context(), key, lasts)
			if err != nil {
				t.Fatal(err)
			}
			counts = append(counts, n)
			time.Sleep(50 * time.Millisecond)
		}
		if time.Since(began) > lasts-10*time.Millisecond {
			continue // the machine was busy: the counter may have expired between
		}
		if !slices.Equal(counts, []int64{1, 2, 3}) {
			t.Fatalf("Incr: %v", counts)
		}
		time.Sleep(time.Until(began.Add(lasts + 50*time.Millisecond)))
		if n, err := s.Incr(t.Context(), key, time.Minute); n != 1 || err != nil {
			t.Fatalf("a counter outlived its expiry: %d %v", n, err)
		}
		return
	}
	t.Fatal("the machine is too busy to count to three")
}

// Of parallel Takes exactly one gets the value: what is spent once can't be spent twice.
func TestTakeOnce(t *testing.T) {
	each(t, func(t *testing.T, s Store) {
		for i := range 50 {
			key := Key("once", fmt.Sprint(i))
			if err := s.Set(t.Context(), key, []byte("v"), time.Minute); err != nil {
				t.Fatal(err)
			}
			var got atomic.Int32
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if _, ok, err := s.Take(context.Background(), key); ok && err == nil {
						got.Add(1)
					}
				})
			}
			wg.Wait()
			if got.Load() != 1 {
				t.Fatalf("%d of 8 got the value", got.Load())
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory(1000)
	for i := range 100_000 {
		_ = m.Set(t.Context(), Key("flood", fmt.Sprint(i)), []byte("x"), time.Hour)
	}
	if n := m.Len(); n > 1000+shards {
		t.Fatalf("holds %d values, of 1000 allowed", n)
	}
}

// Two lists of parts give one key only if they are the same: a_b + c is not a + b_c.
func TestKeyIsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOfN(rapid.SampledFrom([]rune{'a', ':', '1', '_'}), 0, 6, -1)
		a := rapid.SliceOfN(part, 0, 4).Draw(t, "a")
		b := rapid.SliceOfN(part, 0, 4).Draw(t, "b")
		same := len(a) == len(b) && strings.Join(a, "\x00") == strings.Join(b, "\x00")
		if (Key("t", a...) == Key("t", b...)) != same {
			t.Fatalf("%q and %q: %q %q", a, b, Key("t", a...), Key("t", b...))
		}
	})
}

func TestParseAddress(t *testing.T) {
	for address, want := range map[string]string{
		"redis://127.0.0.1:1":                              "[127.0.0.1:1] \"\" false 0",
		"redis://u:p@h:1/3":                                "[h:1] \"\" false 3",
		"redis+sentinel://a:1,b:2/main/2":                  "[a:1 b:2] \"main\" false 2",
		"redis+cluster://a:1,b:2,c:3":                      "[a:1 b:2 c:3] \"\" true 0",
		"redis+unix:///run/redis.sock?db=2":                "[/run/redis.sock] \"\" false 2",
		"redis+unix://:p@/run/redis.sock":                  "[/run/redis.sock] \"\" false 0",
		"redis+unix://h:1":                                 "error",
		"rediss+unix:///run/redis.sock":                    "error",
		"redis://a:1?db=3":                                 "[a:1] \"\" false 3",
		"redis://a:1?ca=/x":                                "error", // a link that is not encrypted has none
		"rediss://a:1?skip_verify=true":                    "error",
		"rediss://a:1?ca=/x&ca=/y":                         "error",
		"rediss://a:1/2?ca=%2Fx":                           "[a:1] \"\" false 2",
		"redis+sentinel://a:1":                             "error",
		"redis://a:1,b:2":                                  "error",
		"http://a:1":                                       "error",
		"redis+ring://a:1":                                 "error",
		"a:1":                                              "error",
		"redis://:s3cret-of-the-test@a:notaport/x":         "error",
		"redis+cluster://:s3cret-of-the-test@%zz:notaport": "error",
	} {
		a, err := parse(address)
		got := "error"
		if err == nil {
			o := a.options
			got = fmt.Sprintf("%v %q %v %d", o.Addrs, o.MasterName, o.IsClusterMode, o.DB)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows the password: %v", address, err)
		}
		if got != want {
			t.Errorf("%s: %s, want %s (%v)", address, got, want, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("redis+sentinel://u:p@a:1,b:2/main/2")
	f.Add("rediss+cluster://u:p?@a:1,b:2?ca=%2Fca.pem&server_name=redis.internal")
	f.Add("redis+unix://:p@/run/redis.sock?db=2")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := parse(s); err == nil && len(a.options.Addrs) == 0 {
			t.Fatal("accepted without an address")
		}
		secure, err := Secure(s, link.TLS{CA: "/ca.pem", ServerName: "redis.internal"})
		if err != nil {
			return
		}
		if a, err := parse(secure); err != nil || a.tls == nil || a.tls.CA != "/ca.pem" || a.tls.ServerName != "redis.internal" {
			t.Fatalf("%q was to be encrypted, and is %q: %v", s, secure, err)
		}
	})
}
