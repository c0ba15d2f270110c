package telemetry

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	traces "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/convosphere/gateway/test/kit"
)

const within = 60 * time.Second

// eventOf waits for the event of the request, whose id the client learned.
func (s *site) eventOf(t *testing.T, a *kit.Answer) kit.Frame {
	t.Helper()
	var found kit.Frame
	kit.Eventually(t, within, "the event of the request", func() bool {
		for _, e := range s.node.Events(t) {
			if e["http.request.id"] == a.Header.Get("X-Request-Id") && e["event.action"] == "http-request" {
				found = e
			}
		}
		return found != nil
	})
	return found
}

// traceOf waits for the trace of the event's request, until it has a span of that name.
func (s *site) traceOf(t *testing.T, e kit.Frame, name string) map[string]*traces.Span {
	t.Helper()
	id := e.Str("trace.id")
	if len(id) != 32 {
		t.Fatalf("the event has no trace.id: %v", e)
	}
	by := map[string]*traces.Span{}
	kit.Eventually(t, within, "a span "+name, func() bool {
		for _, sp := range s.collector.of(id) {
			by[sp.GetName()] = sp
		}
		return by[name] != nil
	})
	return by
}

func attr(s *traces.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// A request of the built gateway: the outermost span has the route's name, each handler its own, what Redis, the database and the policy were asked theirs; the
// back end is told of the trace, and so are the event and who asked.
func TestTraceOfARequest(t *testing.T) {
	s := shared
	c := s.node.Client(t).Login(t, s.users["ursula"])
	a := c.Call(t, "GET", "/api/rooms/general/messages?limit=3", nil).Want(t, http.StatusOK)
	e := s.eventOf(t, a)
	by := s.traceOf(t, e, "GET /api/rooms/{room}/messages")
	root := by["GET /api/rooms/{room}/messages"]
	if root.GetKind() != traces.Span_SPAN_KIND_SERVER || len(root.GetParentSpanId()) != 0 || e.Str("span.id") != hex.EncodeToString(root.GetSpanId()) {
		t.Errorf("the outermost span: %v", root)
	}
	for key, want := range map[string]string{
		"http.request.method": "GET", "http.route": "GET /api/rooms/{room}/messages", "gateway.request_id": a.Header.Get("X-Request-Id"), "url.path": "/api/rooms/general/messages",
	} {
		if got := attr(root, key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
	parent := root
	for _, handler := range []string{"audit", "client", "authenticate", "rate_limit", "waf", "authorize", "validate", "upload", "protect"} {
		sp := by[handler]
		if sp == nil {
			continue // not on the way of this request
		}
		if !bytes.Equal(sp.GetParentSpanId(), parent.GetSpanId()) {
			t.Errorf("%s is not within %s", handler, parent.GetName())
		}
		if sp.GetStartTimeUnixNano() < root.GetStartTimeUnixNano() || sp.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() || sp.GetEndTimeUnixNano() < sp.GetStartTimeUnixNano() {
			t.Errorf("%s is not within the request's time", handler)
		}
		parent = sp
	}
	names := []string{}
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	t.Logf("spans: %s", strings.Join(names, ", "))
	for _, want := range []string{"audit", "client", "authenticate", "rate_limit", "waf", "authorize", "validate", "protect", "policy", "back end", "redis evalsha"} {
		if by[want] == nil {
			t.Errorf("no span %s", want)
		}
	}
	told, _ := s.chat.of("/api/rooms/general/messages")
	if want := "00-" + e.Str("trace.id") + "-" + hex.EncodeToString(by["back end"].GetSpanId()) + "-01"; told != want {
		t.Errorf("the back end was told %q, want %q", told, want)
	}
	if got := attr(by["back end"], "server.address"); got != s.chat.addr {
		t.Errorf("the back end is %q", got)
	}
	var p struct {
		Trace string `json:"trace_id"`
	}
	refused := s.node.Client(t).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusUnauthorized).JSON(t, &p)
	if p.Trace == "" || p.Trace != s.eventOf(t, refused).Str("trace.id") {
		t.Errorf("the problem's trace is %q", p.Trace)
	}
	page := s.node.Client(t).Call(t, "GET", "/api/rooms/general/members", nil, kit.With("Accept", "text/html"), kit.With("Authorization", "Bearer forged"))
	if id := s.eventOf(t, page).Str("trace.id"); !strings.Contains(string(page.Body), "Trace: <code>"+id+"</code>") && page.Status != http.StatusSeeOther {
		t.Errorf("%d, and the page does not name its trace: %s", page.Status, page.Body)
	}
}

// Anybody can send a traceparent. From a stranger it neither chooses the trace, nor has it recorded, nor reaches the back end, nor does what comes with it; a trusted proxy's is gone on with.
func TestTraceOfAStranger(t *testing.T) {
	s := shared
	const said = "4bf92f3577b34da6a3ce929d0e0e4736"
	opts := []kit.Opt{kit.With("Traceparent", "00-"+said+"-00f067aa0ba902b7-01"), kit.With("Tracestate", "planted=1"), kit.With("Baggage", "planted=1")}
	c := s.node.Client(t).Login(t, s.users["ursula"])
	a := c.Call(t, "GET", "/api/rooms", nil, opts...).Want(t, http.StatusOK)
	e := s.eventOf(t, a)
	root := s.traceOf(t, e, "GET /api/rooms")["GET /api/rooms"]
	if e.Str("trace.id") == said || len(root.GetLinks()) != 1 || hex.EncodeToString(root.GetLinks()[0].GetTraceId()) != said {
		t.Errorf("a stranger's trace: %v", root)
	}
	if parent, state := s.chat.of("/api/rooms"); !strings.Contains(parent, e.Str("trace.id")) || state != "" {
		t.Errorf("the back end was told %q %q", parent, state)
	}

	proxy := s.node.ClientFrom(t, "127.77.0.1")
	proxy.Access = c.Access
	a = proxy.Call(t, "GET", "/api/rooms", nil, append(opts, kit.With("X-Forwarded-For", kit.ClientIP()))...).Want(t, http.StatusOK)
	e = s.eventOf(t, a)
	if e.Str("trace.id") != said {
		t.Fatalf("a trusted proxy's trace is not gone on with: %v", e)
	}
	root = s.traceOf(t, e, "GET /api/rooms")["GET /api/rooms"]
	if hex.EncodeToString(root.GetParentSpanId()) != "00f067aa0ba902b7" || root.GetTraceState() != "planted=1" {
		t.Errorf("the outermost span: %v", root)
	}
	if parent, state := s.chat.of("/api/rooms"); !strings.HasPrefix(parent, "00-"+said+"-") || state != "planted=1" {
		t.Errorf("the back end was told %q %q", parent, state)
	}
}

// The trace of a socket is there when it opens, and what passes on it is told when it has ended, at the latest.
func TestTraceOfASocket(t *testing.T) {
	s := shared
	c := s.node.Client(t).Login(t, s.users["ursula"])
	sock := c.Socket(t).Join(t, "general")
	parent, _ := s.chat.of("/api/ws")
	if len(parent) != 55 {
		t.Fatalf("the back end was told %q", parent)
	}
	id, name := parent[3:35], "GET /api/ws"
	e := kit.Frame{"trace.id": id}
	root := s.traceOf(t, e, name)[name]
	if root.GetEndTimeUnixNano() < root.GetStartTimeUnixNano() {
		t.Error(root)
	}
	sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": "planted-message"})
	sock.Expect(t, "an acknowledgement", func(f kit.Frame) bool { return f.Str("type") == "ack" })
	sock.Close()
	by := s.traceOf(t, e, "socket")
	if !bytes.Equal(by["socket"].GetParentSpanId(), root.GetSpanId()) || by["socket"].GetEndTimeUnixNano() <= root.GetEndTimeUnixNano() {
		t.Errorf("%v", by["socket"])
	}
	in := int64(0)
	for _, a := range by["socket"].GetAttributes() {
		if a.GetKey() == "gateway.socket.messages_in" {
			in = a.GetValue().GetIntValue()
		}
	}
	if in != 2 {
		t.Errorf("%d messages", in)
	}
}

// Traces are read by more people than events: what is secret or a person's is not in them.
func TestTracesHoldNoSecrets(t *testing.T) {
	s := shared
	c := s.node.Client(t).Login(t, s.users["ursula"])
	c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "planted-text"}).Want(t, http.StatusCreated)
	a := c.Call(t, "GET", "/api/rooms?planted=planted-query", nil, kit.With("User-Agent", "planted-agent"), kit.With("Cookie", "x=planted-cookie"), kit.With("Referer", "https://planted.example/"))
	s.traceOf(t, s.eventOf(t, a), "GET /api/rooms")
	s.collector.mu.Lock()
	defer s.collector.mu.Unlock()
	for _, secret := range []string{"planted", "ursula", s.users["ursula"].Password, c.Access, c.IP, "of-the-collector"} {
		// The path of a test's own message socket names no person; the state that a trusted proxy sent is its own.
		raw := bytes.ReplaceAll(s.collector.raw, []byte("planted=1"), nil)
		if secret != "" && bytes.Contains(raw, []byte(secret)) {
			t.Errorf("spans hold %.20q", secret)
		}
	}
	if len(s.collector.wrong) > 0 {
		t.Errorf("the collector was asked wrongly: %q", s.collector.wrong)
	}
}

// Where next to nothing is sampled, what fails is told all the same. A collector that hangs holds up nobody, nor the end of the gateway.
func TestTraceOfAFailure(t *testing.T) {
	c := newCollector(t)
	back := newBetween(t, "127.0.0.1:1")
	config := strings.Replace(kit.Globals, "keys {$GW_KEYS}\n", "keys {$GW_KEYS}\n\t\ttracing "+c.URL+"/v1/traces {\n\t\t\tsample parent\n\t\t\tservice edge\n\t\t\theader Authorization \""+token+"\"\n\t\t}\n", 1) +
		"\nhttps://localhost:{$GW_PORT} {\n\ttls internal\n\tgw_audit\n\treverse_proxy " + back.addr + "\n}\n"
	n := kit.Gateway(t, kit.Options{Name: "failure", Caddyfile: config})
	client := n.Client(t)
	client.Call(t, "GET", "/broken", nil).Want(t, http.StatusInternalServerError)
	kit.Eventually(t, within, "the failed request's span", func() bool { return c.count() > 0 })
	c.mu.Lock()
	for _, s := range c.spans { // the gateway's start asks it for keys that it does not have, which is no failure of the server's
		if s.GetStatus().GetCode() != traces.Status_STATUS_CODE_ERROR || s.GetName() != "GET" {
			t.Errorf("a span of what was not sampled: %v", s)
		}
	}
	c.mu.Unlock()
	c.hang(true)
	for range 50 {
		client.Call(t, "GET", "/broken", nil).Want(t, http.StatusInternalServerError)
	}
	if code := n.Process.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
