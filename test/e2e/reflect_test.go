package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// seen is a request as the back end got it.
type seen struct {
	Method, URI, Proto, Body string
	Header, Trailer          http.Header
	Err                      string // of reading the body
}

// leak is what a back end should not say: rule 951230.
const leak = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near ''1''' at line 1"

// reflector is a back end that trusts nobody's word: it keeps what reached it. It accepts any Upgrade, and leaks at /leak.
type reflector struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]seen // by the query's "case"
}

func newReflector(t kit.T) *reflector {
	r := &reflector{got: map[string]seen{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *reflector) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	s := seen{Method: req.Method, URI: req.RequestURI, Proto: req.Proto, Body: string(body), Header: req.Header.Clone(), Trailer: req.Trailer.Clone()}
	if err != nil {
		s.Err = err.Error()
	}
	r.mu.Lock()
	r.got[req.URL.Query().Get("case")] = s
	r.mu.Unlock()
	if req.Header.Get("Upgrade") != "" {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + req.Header.Get("Upgrade") + "\r\n\r\ntunnel")
		_ = rw.Flush()
		_, _ = io.Copy(conn, io.LimitReader(rw, 1<<10)) // an echo until the client goes
		return
	}
	if req.URL.Path == "/leak" {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("X-Inside", "db-3.internal")
		_, _ = io.WriteString(w, "<p>"+leak+"</p>")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"id": "r1"})
}

// take returns what arrived of a case, false if nothing did.
func (r *reflector) take(name string) (seen, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.got[name]
	return s, ok
}

// exchange writes bytes on a connection of its own and reads one answer; nil where the gateway just closed.
func exchange(t *testing.T, n *kit.Node, raw string) *http.Response {
	t.Helper()
	conn := n.Dial(t, kit.ClientIP())
	return exchangeOn(t, conn, bufio.NewReader(conn), raw)
}

func exchangeOn(t *testing.T, conn net.Conn, r *bufio.Reader, raw string) *http.Response {
	t.Helper()
	go func() { _, _ = io.WriteString(conn, raw) }() // the gateway may answer before it has read all
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}
