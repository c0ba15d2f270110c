package ship

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/trace"
	"github.com/convosphere/gateway/test/pki"
)

// receiver is the TLS of one whose certificates are renewed, and who has shown which one.
type receiver struct {
	now atomic.Pointer[tls.Config]

	mu    sync.Mutex
	shown []string
}

func (r *receiver) config() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.now.Load(), nil }}
}

// stand puts a certificate in force, for clients of these authorities.
func (r *receiver) stand(t *testing.T, p pki.Pair, clients ...*pki.Authority) {
	t.Helper()
	pool := x509.NewCertPool()
	for _, a := range clients {
		raw, err := os.ReadFile(a.File)
		if err != nil || !pool.AppendCertsFromPEM(raw) {
			t.Fatal(err)
		}
	}
	r.now.Store(&tls.Config{Certificates: []tls.Certificate{p.Load(t)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2", "http/1.1"}})
}

func (r *receiver) saw(s *tls.ConnectionState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = append(r.shown, s.PeerCertificates[0].Subject.CommonName)
}

func (r *receiver) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.shown) == 0 {
		return ""
	}
	return r.shown[len(r.shown)-1]
}

// What is sent over HTTP goes by the certificates as they are: a renewal takes no reload, and connections before it take nothing more.
func TestCertificatesAreRenewedUnderHTTP(t *testing.T) {
	for name, open := range map[string]func(HTTP) (send func(context.Context) error, stop func() error, err error){
		"traces": func(h HTTP) (func(context.Context) error, func() error, error) {
			to, err := NewTraces(h, "gateway", "one")
			return func(ctx context.Context) error { return to.Export(ctx, make([]trace.Span, 1)) }, to.Close, err
		},
		"webhook": func(h HTTP) (func(context.Context) error, func() error, error) {
			to, err := NewWebhook(h, "")
			return func(ctx context.Context) error { return to.Post(ctx, []byte("{}"), "1") }, to.Close, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ca, next := pki.New(t, "ca.test"), pki.New(t, "next.test")
			var r receiver
			r.stand(t, ca.Server(t, "127.0.0.1"), ca, next)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { r.saw(req.TLS) }))
			srv.EnableHTTP2, srv.TLS = true, r.config()
			srv.StartTLS()
			t.Cleanup(srv.Close)
			mine := ca.Client(t, "one")
			send, stop, err := open(HTTP{URL: srv.URL, TLS: link.TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stop() })
			if err := send(t.Context()); err != nil || r.last() != "one" {
				t.Fatal(err, r.last())
			}
			mine.Replace(t, next.Client(t, "two"))
			if err := send(t.Context()); err != nil || r.last() != "two" {
				t.Fatalf("the certificate was renewed, and %q is shown: %v", r.last(), err)
			}
			r.stand(t, next.Server(t, "127.0.0.1"), next)
			srv.CloseClientConnections()
			if err := send(t.Context()); err == nil {
				t.Fatal("a receiver that the authority of the file does not vouch for was told")
			}
			pki.Copy(t, next.File, ca.File)
			if err := send(t.Context()); err != nil {
				t.Fatalf("the authority was renewed: %v", err)
			}
			if err := os.Remove(mine.Key); err != nil {
				t.Fatal(err)
			}
			if err := send(t.Context()); err != nil {
				t.Fatalf("a file that is away for a moment stops what goes on well: %v", err)
			}
			srv.CloseClientConnections()
			r.stand(t, ca.Server(t, "127.0.0.1"), ca)
			if err := send(t.Context()); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("it is not told that a file can't be read: %v", err)
			}
		})
	}
}

// A connection of syslog lasts as long as both sides do: within link.MaxLife it stands on the files as they are.
func TestCertificatesAreRenewedUnderSyslog(t *testing.T) {
	ca, next := pki.New(t, "ca.test"), pki.New(t, "next.test")
	var r receiver
	r.stand(t, ca.Server(t, "127.0.0.1"), ca)
	s := listen(t, "127.0.0.1:0", r.config())
	s.mu.Lock()
	s.read = func(conn net.Conn) {
		secured, ok := conn.(*tls.Conn)
		if !ok || secured.HandshakeContext(t.Context()) != nil {
			return
		}
		state := secured.ConnectionState()
		r.saw(&state)
		_, _ = io.Copy(io.Discard, secured) // until either side closes it
	}
	s.mu.Unlock()
	mine := ca.Client(t, "one")
	to := newSyslog(t, SyslogConfig{Address: "tls://" + s.addr, TLS: link.TLS{CA: ca.File, Certificate: mine.Cert, Key: mine.Key}})
	var hours atomic.Int64
	begin := time.Now()
	to.now = func() time.Time { return begin.Add(time.Duration(hours.Load()) * link.MaxLife) }
	rig := newRig(t, Config{Sender: to})
	rig.emit(0, 1)
	within(t, "the first certificate is shown", func() bool { return r.last() == "one" && rig.Status().Sent == 1 })
	r.stand(t, next.Server(t, "127.0.0.1"), next)
	mine.Replace(t, next.Client(t, "two"))
	pki.Copy(t, next.File, ca.File)
	hours.Store(2)
	rig.emit(1, 2)
	within(t, "the renewed certificate is shown", func() bool { return r.last() == "two" })
}

// A certificate that has ended stops what goes to its receiver, not the gateway that loads it.
func TestCertificateThatHasEnded(t *testing.T) {
	ca := pki.New(t, "ca.test")
	ended := ca.Make(t, pki.Kind{Name: "late", Client: true, Ended: true})
	if _, err := NewTraces(HTTP{URL: "https://127.0.0.1:1", TLS: link.TLS{CA: ca.File, Certificate: ended.Cert, Key: ended.Key}}, "gateway", "one"); err != nil {
		t.Fatal(err)
	}
}
