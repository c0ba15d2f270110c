package wsframe_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/extended"
)

func (g *gate) dialer() *extended.Dialer {
	d := &extended.Dialer{Version: g.version}
	if g.secure {
		d.TLS = &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}
	}
	return d
}

// transport is what a library's handshake goes by.
func (g *gate) transport(t *testing.T) http.RoundTripper {
	if g.version > 1 {
		return g.dialer()
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// handshakeHeader is what a browser sends along with an extended CONNECT.
func handshakeHeader() http.Header {
	return http.Header{"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}}
}

func askExtended(t *testing.T, g *gate, h http.Header, more []byte) (*peer, *http.Response) {
	t.Helper()
	s, resp, err := g.dialer().Open(testContext(t), "https://"+g.addr+"/ws", h, more)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return nil, resp
	}
	p := newPeer(t, s)
	p.closeWrite, p.vanish = s.CloseWrite, s.Vanish
	return p, resp
}

// The timeouts of a server are for requests: they end no socket, be it silent.
func TestServerTimeouts(t *testing.T) {
	b := &raw{}
	for _, version := range []int{1, 2, 3} {
		t.Run((&gate{version: version}).dialer().String(), func(t *testing.T) {
			g := newGate()
			g.version, g.secure, g.timeout = version, true, 200*time.Millisecond
			caddyProxy(t, g, nil, b.start(t), false)
			defer g.stop()
			p := dial(t, g)
			back := b.conn(t)
			for range 3 {
				time.Sleep(300 * time.Millisecond)
				p.send(t, frame(1, "in", true))
				expect(t, back, 1, "in")
				time.Sleep(300 * time.Millisecond)
				if _, err := back.Write(frame(1, "out", false)); err != nil {
					t.Fatal(err)
				}
				expect(t, p.br, 1, "out")
			}
			back.Close()
			p.Close()
			g.over(t, time.Second)
		})
	}
}
