package link

import (
	"crypto/tls"
	"net/http"
	"sync"
)

// Transport sends requests over connections that stand on the files as they are: where they have changed, those before take no further request, and end with
// the one that they have. The files are looked at for each request: connections of HTTP last for as long as they are used.
type Transport struct {
	files *Files
	base  *http.Transport

	mu  sync.Mutex
	now *http.Transport
	of  *tls.Config // what now stands on
}

// Transport is base with the files. The base itself is not used.
func (f *Files) Transport(base *http.Transport) *Transport { return &Transport{files: f, base: base} }

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(r)
}

func (t *Transport) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.files.Client("") // the name is the address' own, which http.Transport puts in
	if t.now != nil && same(c, t.of) {
		return t.now
	}
	if t.now != nil {
		t.now.CloseIdleConnections() // those in use, too, once they are idle
	}
	t.of, t.now = c, t.base.Clone()
	t.now.TLSClientConfig = c.Clone()
	return t.now
}

// same tells whether two configurations of the same files stand on the same bytes: what did not change is not parsed again.
func same(a, b *tls.Config) bool {
	if a.RootCAs != b.RootCAs || len(a.Certificates) != len(b.Certificates) {
		return false
	}
	return len(a.Certificates) == 0 || a.Certificates[0].Leaf == b.Certificates[0].Leaf
}

// CloseIdleConnections is what http.Client.CloseIdleConnections asks for.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != nil {
		t.now.CloseIdleConnections()
	}
}
