package store

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/redisfleet"
)

func secure(t *testing.T, address string, l link.TLS) string {
	t.Helper()
	s, err := Secure(address, l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Servers that talk TLS alone, among themselves too, and ask for a certificate serve in every mode, subscriptions included.
func TestEveryModeOverTLS(t *testing.T) {
	over := redisfleet.NewTLS(t)
	l := link.TLS{CA: over.CA.File, Certificate: over.Client.Cert, Key: over.Client.Key}
	for mode, address := range map[string]func() string{
		"single":   func() string { return "redis://" + redisfleet.StartOver(t, over).Addr },
		"cluster":  func() string { return redisfleet.StartClusterOver(t, 3, over).URL() },
		"sentinel": func() string { return redisfleet.StartSentinelsOver(t, 1, over).URL() },
	} {
		t.Run(mode, func(t *testing.T) {
			ctx := t.Context()
			s, err := OpenRedis(ctx, secure(t, address(), l))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, key := range []string{Key("a", "1"), Key("b", "2"), Key("c", "3")} { // in a Cluster on several servers
				eventually(t, func() error { return s.Set(ctx, key, []byte("v"), time.Minute) })
				if v, ok, err := s.Get(ctx, key); string(v) != "v" || !ok || err != nil {
					t.Errorf("%s: %q %v %v", key, v, ok, err)
				}
			}
			sub := s.Redis().Subscribe(ctx, "news")
			defer sub.Close()
			if _, err := sub.Receive(ctx); err != nil {
				t.Fatalf("subscribing: %v", err)
			}
			eventually(t, func() error { return s.Redis().Publish(ctx, "news", "hello").Err() })
			if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
				t.Errorf("a message over TLS: %v %v", m, err)
			}
		})
	}
}

func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// Whoever is on the way, or stands in for the server, gets no link.
func TestLinksThatCanNotBeVerified(t *testing.T) {
	over := redisfleet.NewTLS(t)
	host := func(over *redisfleet.TLS) string { return "redis://" + redisfleet.StartOver(t, over).Addr }
	good, plain := host(over), "redis://"+server(t)
	stranger := pki.New(t, "stranger.test")
	other, ended := *over, *over
	other.Server = over.CA.Make(t, pki.Kind{Name: "redis", Hosts: []string{"another.test"}, Both: true})
	ended.Server = over.CA.Make(t, pki.Kind{Name: "redis", Hosts: []string{"127.0.0.1"}, Both: true, Ended: true})
	other.Name = "another.test"
	elsewhere, late := host(&other), listen(t, &ended)
	l := link.TLS{CA: over.CA.File, Certificate: over.Client.Cert, Key: over.Client.Key}
	strangers := stranger.Client(t, "gateway")
	for name, c := range map[string]struct{ address, want string }{
		"it is whom it should be":          {secure(t, good, l), ""},
		"an authority we don't know":       {secure(t, good, link.TLS{CA: stranger.File, Certificate: l.Certificate, Key: l.Key}), "unknown authority"},
		"the system's authorities":         {secure(t, good, link.TLS{Certificate: l.Certificate, Key: l.Key}), "unknown authority"},
		"a server of another name":         {secure(t, elsewhere, l), "127.0.0.1"},
		"that other name, as server_name":  {secure(t, elsewhere, link.TLS{CA: l.CA, Certificate: l.Certificate, Key: l.Key, ServerName: "another.test"}), ""},
		"a server whose certificate ended": {secure(t, late, l), "expired"},
		"we show no certificate":           {secure(t, good, link.TLS{CA: l.CA}), "asking Redis"}, // which says why, or hangs up
		"we show a stranger's":             {secure(t, good, link.TLS{CA: l.CA, Certificate: strangers.Cert, Key: strangers.Key}), "asking Redis"},
		"a server that speaks no TLS":      {secure(t, plain, l), "speaks TLS"},
		"in the clear to one of TLS":       {good, "asking Redis"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := OpenRedis(t.Context(), c.address)
			if err == nil {
				s.Close()
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// listen is a server of TLS with any certificate, which ends every connection after the handshake.
func listen(t *testing.T, over *redisfleet.TLS) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serve(l, over.Server.Load(t))
	return "redis://" + l.Addr().String()
}

// A certificate and its key are replaced one after the other while the gateway runs: connections made meanwhile use those before, and after it the new.
func TestCertificatesAreReplacedInService(t *testing.T) {
	over := redisfleet.NewTLS(t)
	srv := redisfleet.StartOver(t, over)
	mine, next := over.CA.Client(t, "one"), over.CA.Client(t, "two")
	s, err := OpenRedis(t.Context(), secure(t, "redis://"+srv.Addr, link.TLS{CA: over.CA.File, Certificate: mine.Cert, Key: mine.Key}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reconnect := func() error {
		t.Helper()
		if err := srv.Client().Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			t.Fatal(err)
		}
		_ = s.Ping(t.Context()) // on the connection that is gone
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		return s.Ping(ctx)
	}
	pki.Copy(t, next.Cert, mine.Cert)
	if err := reconnect(); err != nil || s.Files().Err() == nil {
		t.Errorf("half replaced: %v, and it is not told: %v", err, s.Files().Err())
	}
	pki.Copy(t, next.Key, mine.Key)
	if err := reconnect(); err != nil || s.Files().Err() != nil {
		t.Errorf("replaced: %v, %v", err, s.Files().Err())
	}
	mine.Replace(t, pki.New(t, "stranger.test").Client(t, "thief"))
	if err := reconnect(); err == nil {
		t.Error("what is in the files now is not what is shown")
	}
}

// What Sentinels and Clusters name may be elsewhere than they are.
func TestServersThatRedisNamesAreLinksToo(t *testing.T) {
	d := dialer(nil, true)
	if _, err := d(t.Context(), "tcp", "192.0.2.1:6379"); err == nil || !strings.Contains(err.Error(), "without encryption") {
		t.Errorf("another machine in the clear: %v", err)
	}
	for address, want := range map[string]string{
		"redis://127.0.0.1:1": "", "redis://localhost:1": "", "redis://[::1]:1": "", "redis+unix:///run/r.sock": "", "rediss://redis:1": "", "redis://redis:1": "redis:1",
		"redis+sentinel://127.0.0.1:1,10.0.0.1:2/m": "10.0.0.1:2", "redis+cluster://:p@a:1,b:2": "a:1 b:2", "redis://127.0.0.1.evil.test:1": "127.0.0.1.evil.test:1",
	} {
		hosts, err := Plain(address)
		if got := strings.Join(hosts, " "); got != want || err != nil {
			t.Errorf("%s reaches %q in the clear, want %q (%v)", address, got, want, err)
		}
	}
}

// serve shakes hands and hangs up, until the listener ends.
func serve(l net.Listener, cert tls.Certificate) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		_ = s.SetDeadline(time.Now().Add(30 * time.Second))
		_ = s.Handshake() // the client judges it
		_ = s.Close()
	}
}
