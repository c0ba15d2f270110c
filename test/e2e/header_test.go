package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

const forged = "forged-by-the-client"

// forgeries are header lines that claim an identity, in spellings that some back end folds into the real ones.
var forgeries = map[string][]string{
	"as they are":               {"X-User-Id: " + forged, "X-User-Name: " + forged, "X-User-Roles: " + forged, "X-Gateway-Assertion: " + forged},
	"lower case":                {"x-user-id: " + forged, "x-user-roles: " + forged, "x-gateway-assertion: " + forged},
	"odd case":                  {"X-uSeR-iD: " + forged, "x-UsEr-RoLeS: " + forged},
	"underscores":               {"X_User_Id: " + forged, "x_user_roles: " + forged, "X_Gateway_Assertion: " + forged},
	"mixed underscores":         {"X-User_Id: " + forged, "X_User-Roles: " + forged, "X-Gateway_Assertion: " + forged},
	"dots":                      {"X.User.Id: " + forged, "X.User-Roles: " + forged, "X.Gateway.Assertion: " + forged},
	"other signs":               {"X~User~Id: " + forged, "X!User!Roles: " + forged, "X'Gateway'Assertion: " + forged},
	"twice":                     {"X-User-Id: " + forged, "X-User-Id: " + forged + "-2"},
	"others of the family":      {"X-User-Email: " + forged, "X-Gateway-Anything: " + forged},
	"named by Connection":       {"Connection: X-User-Id, X-User-Name, X-User-Roles, X-Gateway-Assertion", "X-User-Id: " + forged},
	"Connection, lower case":    {"connection: x-user-id", "Connection: x-gateway-assertion"},
	"Connection with close":     {"Connection: close, X-User-Id"},
	"named by Proxy-Connection": {"Proxy-Connection: X-User-Id"},
	"Keep-Alive":                {"Keep-Alive: X-User-Id", "Connection: keep-alive, X-User-Roles"},
	"Te":                        {"TE: trailers, X-User-Id"},
}

func TestNothingBelowTLS13(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for _, name := range []string{"localhost", "evil.test", ""} {
			c, err := tls.Dial("tcp", s.a.Addr, &tls.Config{ServerName: name, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}) //nolint:gosec // the version is what is tested
			if err == nil {
				c.Close()
				t.Errorf("TLS 1.2 is spoken with a client that asks for %q", name)
			} else if !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("asked for %q: %v, want a refusal of the version", name, err)
			}
		}
	})
}

// A host that no site has gets no empty 200: it is refused, and there is an event.
func TestUnknownHost(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.a.Client(t)
		a := c.Call(t, "GET", "/unknown-host", nil, func(r *http.Request) { r.Host = "evil.test" }).Problem(t, http.StatusMisdirectedRequest)
		if a.Header.Get("Server") != "" {
			t.Errorf("Server: %s", a.Header.Get("Server"))
		}
		kit.Eventually(t, 30*time.Second, "the event", func() bool {
			for _, e := range s.a.Events(t) {
				if e.Str("event.action") == "http-request" && e.Str("url.domain") == "evil.test" && e.Str("url.path") == "/unknown-host" {
					return true
				}
			}
			return false
		})
	})
}

func TestIdentityHeadersAreTheGatewaysOwn(t *testing.T) {
	petra := own.user
	c := own.node.Client(t).Login(t, petra)
	for name, lines := range forgeries {
		t.Run(name, func(t *testing.T) {
			id := url.QueryEscape(name)
			raw := "GET /echo?case=" + id + " HTTP/1.1\r\nHost: " + host(own.node) + "\r\nUser-Agent: e2e\r\nAccept: */*\r\nAuthorization: Bearer " + c.Access + "\r\n" +
				strings.Join(lines, "\r\n") + "\r\n\r\n"
			res := exchange(t, own.node, raw)
			got, arrived := own.back.take(name)
			if !arrived {
				t.Fatalf("nothing arrived; the answer is %s", status(res))
			}
			checkIdentity(t, got, petra.Username)
		})
	}

	t.Run("over HTTP/2", func(t *testing.T) {
		hc := h2(t, own.node)
		r, err := http.NewRequest("GET", own.node.URL+"/echo?case=h2", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range []string{"x-user-id", "x_user_id", "x.user.roles", "x-gateway_assertion", "x-gateway-assertion"} {
			r.Header[h] = []string{forged}
		}
		r.Header.Set("Authorization", "Bearer "+c.Access)
		res, err := hc.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		got, ok := own.back.take("h2")
		if !ok || res.ProtoMajor != 2 {
			t.Fatalf("nothing arrived: %s %s", res.Proto, res.Status)
		}
		checkIdentity(t, got, petra.Username)
	})

	trailers := map[string]string{
		"announced":   "Trailer: X-User-Id, X-Gateway-Assertion\r\n",
		"unannounced": "",
		"underscores": "Trailer: X_User_Id\r\n",
	}
	for name, announce := range trailers {
		t.Run("trailers "+name, func(t *testing.T) {
			res := exchange(t, own.node, "POST /echo?case=trailer-"+name+" HTTP/1.1\r\nHost: "+host(own.node)+"\r\nUser-Agent: e2e\r\nAccept: */*\r\nContent-Type: application/json\r\n"+
				"Authorization: Bearer "+c.Access+"\r\nTransfer-Encoding: chunked\r\n"+announce+"\r\n7\r\n\"hello\"\r\n0\r\nX-User-Id: "+forged+"\r\nX_User_Id: "+forged+"\r\nX-Gateway-Assertion: "+forged+"\r\n\r\n")
			got, arrived := own.back.take("trailer-" + name)
			if !arrived {
				if res == nil || res.StatusCode/100 != 4 { // what was not announced is refused, which is as good
					t.Fatalf("nothing arrived; the answer is %s", status(res))
				}
				return
			}
			checkIdentity(t, got, petra.Username)
		})
	}

	t.Run("other upgrades make no tunnel", func(t *testing.T) {
		for _, proto := range []string{"h2c", "tunnel", "websocket, tunnel", "TLS/1.0", "WebSocket2"} {
			res := exchange(t, own.node, "GET /echo?case=up HTTP/1.1\r\nHost: "+host(own.node)+"\r\nUser-Agent: e2e\r\nAccept: */*\r\nAuthorization: Bearer "+c.Access+
				"\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nUpgrade: "+proto+"\r\n\r\n")
			if res == nil || res.StatusCode == http.StatusSwitchingProtocols || res.StatusCode >= 500 {
				t.Errorf("Upgrade: %s is answered %v", proto, status(res))
			}
		}
	})

	t.Run("one request is one request", func(t *testing.T) {
		auth := "Host: " + host(own.node) + "\r\nUser-Agent: e2e\r\nAccept: */*\r\nAuthorization: Bearer " + c.Access + "\r\n"
		for name, raw := range map[string]string{
			"length and chunks":    "POST /echo?case=cl-te HTTP/1.1\r\n" + auth + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /echo?case=smuggled HTTP/1.1\r\n" + auth + "\r\n",
			"broken chunks":        "POST /echo?case=chunks HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\nGET /echo?case=smuggled HTTP/1.1\r\n" + auth + "\r\n",
			"two lengths":          "POST /echo?case=two HTTP/1.1\r\n" + auth + "Content-Length: 5\r\nContent-Length: 0\r\n\r\nGET /echo?case=smuggled HTTP/1.1\r\n" + auth + "\r\n",
			"chunked twice":        "POST /echo?case=te-te HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\nGET /echo?case=smuggled HTTP/1.1\r\n" + auth + "\r\n",
			"a space before colon": "POST /echo?case=space HTTP/1.1\r\n" + auth + "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /echo?case=smuggled HTTP/1.1\r\n" + auth + "\r\n",
		} {
			exchange(t, own.node, raw)
			time.Sleep(200 * time.Millisecond)
			if _, ok := own.back.take("smuggled"); ok {
				t.Fatalf("%s: a second request came out of the first", name)
			}
		}
	})
}

// checkIdentity looks at what the back end got: the person's name by the gateway, and nothing forged.
func checkIdentity(t *testing.T, got seen, name string) {
	t.Helper()
	for _, h := range []http.Header{got.Header, got.Trailer} {
		for k, vs := range h {
			for _, v := range vs {
				if strings.Contains(v, forged) {
					t.Errorf("the back end got %s: %s", k, v)
				}
			}
		}
	}
	if v := got.Header.Values("X-User-Name"); len(v) != 1 || v[0] != name {
		t.Errorf("X-User-Name: %q, want %q", v, name)
	}
	for _, h := range []string{"X-User-Id", "X-User-Roles", "X-Gateway-Assertion"} {
		if v := got.Header.Values(h); len(v) != 1 || v[0] == "" {
			t.Errorf("%s: %q, want the gateway's own", h, v)
		}
	}
	if got.Header.Get("Authorization") != "" || strings.Contains(got.Header.Get("Cookie"), "gw_") {
		t.Error("the back end got the person's own token")
	}
	header, claims := open(t, got.Header.Get("X-Gateway-Assertion"))
	exp, _ := claims["exp"].(float64)
	iat, _ := claims["iat"].(float64)
	if header["typ"] != "gateway-assertion+jwt" || header["alg"] != "ES256" || claims["name"] != name || claims["sub"] != got.Header.Get("X-User-Id") || exp-iat > 60 || claims["jti"] == nil {
		t.Errorf("assertion: %v %v", header, claims)
	}
}

func host(n *kit.Node) string {
	u, err := url.Parse(n.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

func status(res *http.Response) string {
	if res == nil {
		return "nothing"
	}
	return res.Status
}

func h2(t *testing.T, n *kit.Node) *http.Client {
	t.Helper()
	cfg := n.TLS()
	cfg.NextProtos = []string{"h2"}
	tr := &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: cfg,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(kit.ClientIP())}}
			return d.DialContext(ctx, network, n.Addr)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}
