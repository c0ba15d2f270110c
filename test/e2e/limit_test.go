package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// limited is a gateway with narrow limits before an echo: sockets are told to whoever asks for one, everything else is "ok".
var limited = kit.Globals + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	gw_rate_limit {
		defaults off
		sockets 2
		warn 2
		zone talk {
			messages
			key connection
			rate 1/1h
			burst 3
		}
		zone once {
			match /once
			rate 1/1h
		}
		zone shadow {
			match /once
			key global
			rate 1/1h
			shadow
		}
		zone slow {
			match /slow
			key global
			concurrent 1 5s
		}
	}
	reverse_proxy {$GW_UPSTREAM}
}
`

// startLimited runs nodes of it over one Redis.
func startLimited(t *testing.T, nodes int) (all []*kit.Node, slow chan struct{}) {
	t.Helper()
	slow = make(chan struct{}, 16)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			slow <- struct{}{}
			<-r.Context().Done()
			return
		}
		if r.Header.Get("Upgrade") == "" {
			_, _ = w.Write([]byte("ok")) // a client that has gone is no matter
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, b) != nil {
				return
			}
		}
	}))
	t.Cleanup(back.Close)
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	for i := range nodes {
		all = append(all, kit.Gateway(t, kit.Options{
			Name: fmt.Sprintf("limited-%d", i), Caddyfile: limited,
			Env: []string{"GW_STORE=redis " + redis.URL(), "GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://")},
		}))
	}
	return all, slow
}

func happened(t *testing.T, n *kit.Node, what string, is func(kit.Frame) bool) kit.Frame {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		for _, e := range n.Events(t) {
			if is(e) {
				return e
			}
		}
		if time.Now().After(end) {
			t.Fatalf("no event of %s", what)
		}
	}
}

// Over every version of HTTP a client that sends too much is warned, then closed, and the socket's event names the limit.
func TestSocketsAreWarnedAndClosed(t *testing.T) {
	nodes, _ := startLimited(t, 1)
	n := nodes[0]
	for _, version := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("HTTP/%d", version), func(t *testing.T) {
			c := n.Client(t)
			if version > 1 {
				c = c.Over(version)
			}
			sock := c.Socket(t)
			for i := range 3 {
				sock.Send(t, kit.Frame{"type": "hello", "n": i})
				sock.Expect(t, "echo", func(f kit.Frame) bool { return f.Str("type") == "hello" && f["n"] == float64(i) })
			}
			for range 3 {
				sock.Send(t, kit.Frame{"type": "more"})
			}
			for i := range 2 {
				w := sock.Expect(t, "warning", func(f kit.Frame) bool { return f.Str("type") == "gateway.rate-limit" })
				if w["message"] != float64(4+i) || w["left"] != float64(1-i) || w["retry_after"].(float64) < 3590 {
					t.Errorf("%v", w)
				}
			}
			sock.WantClosed(t, websocket.StatusPolicyViolation, 5*time.Second)
		})
	}
	seen := 0
	happened(t, n, "three sockets", func(e kit.Frame) bool {
		if e.Str("event.action") == "websocket" && e.Str("gateway.zone") == "talk" && e.Str("gateway.zone_key") == "connection" && e["gateway.socket.close_code"] == 1008. {
			seen++
		}
		return seen == 3
	})
}

// Open sockets and requests in flight are counted on all nodes together, and what a node held that was killed is free again when its leases end.
func TestWhatIsInFlightIsCountedOnAllNodes(t *testing.T) {
	nodes, slow := startLimited(t, 2)
	a, b := nodes[0], nodes[1]
	one := a.Client(t)
	other := b.ClientFrom(t, one.IP)
	first := one.Socket(t)
	second := other.Socket(t)
	for _, c := range []*kit.Client{one, other} {
		if s, res := c.Dial(t); s != nil || res.StatusCode != http.StatusTooManyRequests || !strings.Contains(res.Header.Get("RateLimit-Policy"), `"sockets";q=2;qu="concurrent-requests"`) {
			t.Fatalf("the third one: %v %v", res.StatusCode, res.Header)
		}
	}
	happened(t, b, "the refused socket", func(e kit.Frame) bool {
		return e.Str("gateway.zone") == "sockets" && e.Str("gateway.problem") == "quota-exceeded" && e["http.response.status_code"] == 429.
	})
	second.Close()
	kit.Eventually(t, 10*time.Second, "a socket in the place of the one that has ended", func() bool {
		s, _ := other.Dial(t)
		return s != nil
	})
	first.Close()

	go func() { _, _ = a.Client(t).Try("GET", "/slow", nil) }() // it ends with its node
	<-slow
	b.Client(t).Call(t, "GET", "/slow", nil).Want(t, http.StatusTooManyRequests)
	a.Process.Kill(t)
	kit.Eventually(t, 20*time.Second, "the place of a node that was killed", func() bool {
		done := make(chan *kit.Answer, 1)
		go func() {
			answer, _ := b.Client(t).Try("GET", "/slow", nil)
			done <- answer
		}()
		select {
		case <-slow:
			return true
		case <-done:
			return false
		}
	})
}

// A refusal tells programs and people when to come back, in the fields of the draft, and operators what refused and what would have.
func TestRefusalsOfTheBinary(t *testing.T) {
	nodes, _ := startLimited(t, 1)
	n := nodes[0]
	c := n.Client(t)
	first := c.Call(t, "GET", "/once", nil).Want(t, http.StatusOK)
	if got := first.Header.Get("RateLimit-Policy"); got != `"once";q=1;w=3600` {
		t.Error(got)
	}
	refused := c.Call(t, "GET", "/once", nil).Problem(t, http.StatusTooManyRequests)
	var p struct {
		Type     string
		Violated []string `json:"violated-policies"`
	}
	if err := json.Unmarshal(refused.Body, &p); err != nil || p.Type != "https://iana.org/assignments/http-problem-types#quota-exceeded" || fmt.Sprint(p.Violated) != "[once]" {
		t.Errorf("%s %v", refused.Body, err)
	}
	if got := refused.Header.Get("RateLimit"); got != `"once";r=0;t=`+refused.Header.Get("Retry-After") {
		t.Error(got)
	}
	n.Client(t).Call(t, "GET", "/once", nil).Want(t, http.StatusOK)
	happened(t, n, "the refusal", func(e kit.Frame) bool {
		return e.Str("gateway.zone") == "once" && e.Str("gateway.zone_key") == "client"
	})
	happened(t, n, "the shadow zone", func(e kit.Frame) bool {
		return e["http.response.status_code"] == 200. && fmt.Sprint(e["gateway.zones_shadow"]) == "[shadow]"
	})
	metrics := string(n.Admin(t, "GET", "/metrics", "", "").Body)
	for _, want := range []string{`mode="exact",result="refused",source="remembered",zone="once"`, `result="shadowed",source="redis",zone="shadow"`} {
		if !strings.Contains(metrics, want) && !strings.Contains(metrics, strings.Replace(want, "remembered", "redis", 1)) {
			t.Errorf("no %s in the metrics", want)
		}
	}

	b := kit.StartBrowser(t)
	tab := b.Tab(t, "limited", kit.Phone)
	for range 3 { // the second one is refused, as was shown above; or the third, where a busy machine let Redis answer too late and the node counted by itself
		tab.Go(n.URL + "/once")
	}
	tab.Shows("Too many requests")
	tab.Shows("You can try again in 60 minutes.")
	for _, size := range []kit.Size{kit.Phone, kit.Desktop} {
		tab.Resize(size)
		tab.NoOverflow("429")
		for _, dark := range []bool{false, true} {
			tab.Dark(dark)
			tab.Shot(fmt.Sprintf("too-many-%d-%t", size.Width, dark))
		}
	}
	tab.Accessible("429")
}
