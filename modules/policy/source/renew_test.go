package source

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/pki"
)

// The authorities of a bundle's server are those that the file has now: a renewal takes no reload, and each look goes by it.
func TestAuthoritiesAreRenewed(t *testing.T) {
	p := ecPair(t)
	ca, next := pki.New(t, "ca.test"), pki.New(t, "next.test")
	var shown atomic.Pointer[tls.Config]
	stand := func(a *pki.Authority) {
		shown.Store(&tls.Config{Certificates: []tls.Certificate{a.Server(t, "127.0.0.1").Load(t)}})
	}
	stand(ca)
	server := httptest.NewUnstartedServer(&bundles{serve: sends(p.signed(t, write(t, "true"), "", time.Now()), "")})
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return shown.Load(), nil }}
	server.StartTLS()
	defer server.Close()
	origin, err := NewRemote(Remote{URL: server.URL + "/b.tar.gz", CA: ca.File, Trust: p.trust(t), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	look := func() error {
		_, err := origin.Fetch(context.Background(), true)
		return err
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	stand(next)
	var unknown *tls.CertificateVerificationError
	if err := look(); !errors.As(err, &unknown) {
		t.Fatalf("a server that the authority of the file does not vouch for was asked: %v", err)
	}
	pki.Copy(t, next.File, ca.File)
	if err := look(); err != nil {
		t.Fatalf("the authority was renewed: %v", err)
	}
	if err := os.Remove(ca.File); err != nil {
		t.Fatal(err)
	}
	if err := look(); err != nil {
		t.Fatalf("a file that is away for a moment stops what goes on well: %v", err)
	}
	stand(ca)
	if err := look(); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("it is not told that the file can't be read: %v", err)
	}
}
