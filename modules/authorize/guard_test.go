package authorize

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
	_ "github.com/convosphere/gateway/modules/standard/xconnect"
	"github.com/convosphere/gateway/test/extended"
)

// line is one socket, with the test at both ends.
type line struct {
	t      *testing.T
	client *websocket.Conn
	got    chan string // what came to the back end
	send   chan string // what the back end sends; binary behind "b:"
}

func dial(t *testing.T, e *env, path, user string) *line {
	t.Helper()
	return dialBy(t, e, path, user, http.DefaultTransport)
}

func dialBy(t *testing.T, e *env, path, user string, by http.RoundTripper) *line {
	t.Helper()
	l := &line{t: t, got: make(chan string, 10), send: make(chan string)}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case s := <-l.send:
					kind := websocket.MessageText
					if rest, ok := strings.CutPrefix(s, "b:"); ok {
						kind, s = websocket.MessageBinary, rest
					}
					_ = conn.Write(ctx, kind, []byte(s))
				}
			}
		}()
		for {
			_, data, err := conn.Read(ctx)
			if err != nil {
				return
			}
			l.got <- string(data)
		}
	})
	conn, resp, err := websocket.Dial(ctx, e.url+path, &websocket.DialOptions{HTTPHeader: http.Header{"Test-User": {user}}, HTTPClient: &http.Client{Transport: by}})
	if err != nil {
		t.Fatalf("dialling: %v %v", err, resp)
	}
	l.client = conn
	t.Cleanup(func() { _ = conn.CloseNow() })
	return l
}

// say sends from the client.
func (l *line) say(s string) {
	l.t.Helper()
	if err := l.client.Write(context.Background(), websocket.MessageText, []byte(s)); err != nil {
		l.t.Fatal(err)
	}
}

// arrives expects the client's message at the back end.
func (l *line) arrives(s string) {
	l.t.Helper()
	l.say(s)
	select {
	case got := <-l.got:
		if got != s {
			l.t.Errorf("%s arrives as %s", s, got)
		}
	case <-time.After(30 * time.Second):
		l.t.Fatalf("%s does not arrive", s)
	}
}

// hears expects the back end's message at the client.
func (l *line) hears(s string) {
	l.t.Helper()
	l.send <- s
	if got := l.read(); got != s {
		l.t.Errorf("%s is heard as %s", s, got)
	}
}

func (l *line) read() string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, data, err := l.client.Read(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// closes expects the socket to close with that code, and nothing at the back end.
func (l *line) closes(code websocket.StatusCode, what string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, data, err := l.client.Read(ctx)
	if got := websocket.CloseStatus(err); got != code {
		l.t.Errorf("%s: closed with %d (%v, %s), want %d", what, got, err, data, code)
	}
	select {
	case s := <-l.got:
		l.t.Errorf("%s: %s reached the back end", what, s)
	default:
	}
}

func TestSocketMessagesAreDecided(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	grantRoom(t, e, "general")
	const join, message = `{"type":"join","room":"general"}`, `{"type":"message","room":"general","text":"<hi>","ref":"1"}`
	l := dial(t, e, "/api/ws", "ursula/user")
	l.arrives(join)
	l.arrives(message)
	l.arrives(message)
	l.arrives(` { "room" : "general" , "type" : "typing" } `)
	l.arrives(`{"type":"leave","room":"secret"}`)
	l.hears(`{"type":"joined","room":"general"}`)
	l.hears(`{"type":"message","room":"general","message":{"id":"1","room":"general","text":"x"}}`)

	// Out of rooms that are not theirs nothing is heard, nor what has no rule; the socket stays.
	for _, s := range []string{
		`{"type":"message","room":"secret","message":{}}`, `{"type":"message","room":"general","message":{"id":"1","text":"whose room?"}}`,
		`{"type":"message","room":"general","message":{"id":"1","room":"secret","text":"decrypted by the keys of its own room"}}`,
		`{"type":"ack","room":"general","message":{"id":"2","room":"secret","text":"decrypted by the keys of its own room"}}`, `{"type":"deleted","room":"secret","id":"1"}`, `{"type":"unheard-of"}`, `{"type":"message"}`,
		`{"type":"message","room":"general","room":"secret"}`, `{"type":"message","room":"general","Room":"secret"}`, `not JSON`, `[]`, `{}`, "b:{}", "b:\x00",
	} {
		l.send <- s
	}
	l.hears(`{"type":"joined"}`)
	// Dropped without a word: typing in another's room.
	l.say(`{"type":"typing","room":"secret"}`)
	l.arrives(join)
}

func TestSocketRefuses(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	grantRoom(t, e, "general")
	for _, s := range []string{
		`{"type":"join","room":"secret"}`, `{"type":"message","room":"secret","text":"x"}`, `{"type":"admin"}`, `{"type":"ack","message":{}}`, `{}`, `[]`, `"join"`, `null`, ``,
		`{"type":"join"}`, `{"type":"join","room":""}`, `{"type":"join","room":null}`, `{"type":"join","room":{"id":"general"}}`, `{"type":["join"],"room":"general"}`,
		`{"type":"join","room":"general","room":"secret"}`, `{"type":"join","room":"secret","room":"general"}`, `{"type":"join","room":"general","\u0072oom":"secret"}`,
		`{"type":"join","room":"general","Room":"secret"}`, `{"type":"join","room":"general","ROOM":"secret"}`, `{"type":"join","Room":"general"}`, `{"Type":"join","room":"general"}`,
		`{"type":"leave","Type":"join","room":"secret"}`, `{"type":"leave","type":"join","room":"secret"}`, `{"type":"leave","room":"x"}{"type":"join","room":"secret"}`,
		`{"type":"join","room":"general\u0000"}`, `{"type":"join","room":"\ud800"}`, `{"type":"join","room":"` + strings.Repeat("x", 300) + `"}`,
		`{"type":"join ","room":"general"}`, `{"type":"JOIN","room":"general"}`, `{"type":"join","room":"General"}`,
		`{"type":"message","room":"general","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	} {
		l := dial(t, e, "/api/ws", "ursula/user")
		l.say(s)
		l.closes(websocket.StatusPolicyViolation, s)
	}
	l := dial(t, e, "/api/ws", "ursula/user")
	if err := l.client.Write(context.Background(), websocket.MessageBinary, []byte(`{"type":"join","room":"general"}`)); err != nil {
		t.Fatal(err)
	}
	l.closes(websocket.StatusPolicyViolation, "binary")
}

func TestSocketHandshakeIsDecided(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	_, resp, err := websocket.Dial(context.Background(), e.url+"/api/ws", nil)
	if err == nil || resp == nil || resp.StatusCode != 401 || len(e.reached()) != 0 {
		t.Errorf("%v %v", err, resp)
	}
}

// The sender is the author from the acknowledgement on, which is held back until then.
func TestAckMakesTheAuthor(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	grantRoom(t, e, "general")
	l := dial(t, e, "/api/ws", "ursula/user")
	l.arrives(`{"type":"message","room":"general","text":"x"}`)
	l.hears(`{"type":"ack","ref":"1","message":{"id":"m1","room":"general","author":"ursula","text":"x"}}`)
	e.backend(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	e.expect(403, "DELETE", "/api/rooms/other/messages/m1", "ursula/user")
	e.expect(403, "DELETE", "/api/rooms/general/messages/m1", "petra/user")
	e.expect(204, "DELETE", "/api/rooms/general/messages/m1", "ursula/user")
}

func TestAckIsWithheldWithoutTheGrant(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	grantRoom(t, e, "general")
	l := dial(t, e, "/api/ws", "ursula/user")
	l.arrives(`{"type":"message","room":"general","text":"x"}`)
	if err := e.ground().DB.Close(); err != nil {
		t.Fatal(err)
	}
	l.send <- `{"type":"ack","message":{"id":"leak","room":"general"}}`
	l.closes(websocket.StatusTryAgainLater, "ack")

	e = newEnv(t, importChat(t), "")
	grantRoom(t, e, "general")
	for _, s := range []string{`{"type":"ack","message":{"room":"general"}}`, `{"type":"ack","message":{"id":"a","id":"b","room":"general"}}`} {
		l = dial(t, e, "/api/ws", "ursula/user")
		go func() { l.send <- s }()
		if strings.Contains(s, `"b"`) { // can't be read at all: dropped
			l.send <- `{"type":"joined"}`
			if got := l.read(); got != `{"type":"joined"}` {
				t.Error(got)
			}
			continue
		}
		l.closes(websocket.StatusInternalError, s)
	}
}

// An open socket feels a change of grants at once, and is not asked about what has not changed.
func TestSocketFollowsGrants(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	grantRoom(t, e, "general", "secret")
	l := dial(t, e, "/api/ws", "ursula/user")
	const message = `{"type":"message","room":"secret","message":{"room":"secret"}}`
	l.hears(message)
	l.hears(message)
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	if err := s.Apply(context.Background(), nil, []grant.Grant{{Subject: "ursula", Object: "room:secret"}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // the feed looks every 200 ms: well within a second
	l.send <- message
	l.hears(`{"type":"joined"}`)
	l.say(`{"type":"message","room":"secret"}`)
	l.closes(websocket.StatusPolicyViolation, "after the grant was revoked")
}

func TestUndeclaredSocket(t *testing.T) {
	e := newEnv(t, "public /open", "")
	l := dial(t, e, "/ws", "ursula/user")
	l.arrives("anything")
	l.arrives("anything")
	l.hears("anything")
	l = dial(t, e, "/open", "")
	l.say("anything") // the handshake is public, messages need somebody signed in
	l.closes(websocket.StatusPolicyViolation, "anonymous message")
}

// counting is a policy that allows, and counts how often it is asked.
type counting struct {
	fields       *classify.Table
	asked, stamp atomic.Uint64
	decision     engine.Decision
	applied      error
	revision     atomic.Uint64 // of the policy in force
}

func (c *counting) Decide(context.Context, *engine.Input) engine.Decision {
	c.asked.Add(1)
	return c.decision
}
func (c *counting) Filter(context.Context, *engine.Input) (func(context.Context, *engine.Input) engine.Decision, func()) {
	return c.Decide, func() {}
}

func (*counting) IDs(context.Context, *engine.Input, int) (ids []string, all, more bool, err error) {
	return nil, false, false, nil
}

func (c *counting) Apply(context.Context, []grant.Grant, []grant.Grant, ...grant.Grant) error {
	return c.applied
}
func (c *counting) Stamp(...string) uint64  { return c.stamp.Load() }
func (c *counting) Fields() *classify.Table { return c.fields }
func (c *counting) Revision() string        { return fmt.Sprint("r", 1+c.revision.Load()) }

func TestGuardRemembers(t *testing.T) {
	p := &counting{decision: engine.Decision{Allow: true, Revision: "r1"}}
	now := time.Now()
	h := &Handler{policy: p, now: func() time.Time { return now }}
	rule := &messageRule{rule: rule{permission: "p"}}
	g := &guard{h: h, kept: map[question]verdict{}}
	ask := func(room string, want uint64) {
		t.Helper()
		in := engine.Input{Message: &engine.Message{Type: "t"}, Resource: engine.Object{Type: "room", ID: room}}
		before := p.asked.Load()
		g.decide(context.Background(), rule, &in)
		if got := p.asked.Load() - before; got != want {
			t.Errorf("asked %d times", got)
		}
	}
	ask("a", 1)
	ask("a", 0)
	ask("b", 1)
	p.stamp.Add(1)
	ask("a", 1)
	ask("a", 0)
	now = now.Add(keepTime)
	ask("a", 1)
	p.decision.Revision = "r2" // decided by another policy than the one in force
	now = now.Add(keepTime)
	ask("a", 1)
	ask("a", 1)
	p.decision = engine.Decision{Allow: true, Revision: "r1", Parent: engine.Object{Type: "x", ID: "found"}}
	now = now.Add(keepTime)
	ask("c", 2) // the second time with the stamp of the parent that was found
	ask("c", 0)
	p.stamp.Add(1)
	ask("c", 2)
	p.decision = engine.Refused(engine.Timeout, "x", "r1")
	ask("d", 1)
	ask("d", 1)
	p.decision = engine.Decision{Revision: "r1"}
	for i := range 3 * maxKept {
		ask(strings.Repeat("x", i), 1)
	}
	if len(g.kept) > maxKept {
		t.Error("it remembers without a bound")
	}
}

func TestGuardTellsDownFromRefused(t *testing.T) {
	p := &counting{decision: engine.Refused(engine.Grants, "x", "r1")}
	g := &guard{h: &Handler{policy: p, now: time.Now, ground: &ground.Ground{}}, rc: &reqctx.Request{}, kept: map[question]verdict{}}
	err := g.ask(context.Background(), anyMessage, &said{direction: "in"})
	if err == nil || !strings.Contains(err.Error(), "1013") {
		t.Error(err)
	}
}

func TestObligationsThatNobodyMeetsRefuse(t *testing.T) {
	p := &counting{decision: engine.Decision{Allow: true, Obligations: engine.Obligations{Encrypt: []string{"text"}}}}
	for _, c := range []struct {
		protected bool
		message   *engine.Message
		allow     bool
	}{
		{false, nil, false}, {true, nil, true}, {true, &engine.Message{Direction: "in"}, false}, {true, &engine.Message{Direction: "out"}, true},
	} {
		if d := (&Handler{policy: p, Protected: c.protected}).decide(context.Background(), &engine.Input{Message: c.message}); d.Allow != c.allow {
			t.Errorf("%+v: %+v", c, d)
		}
	}
}

func FuzzMessage(f *testing.F) {
	s := &socket{typ: "type"}
	f.Add([]byte(`{"type":"join","room":"a"}`))
	f.Add([]byte(`{"type":"join","room":"a","Room":"b"}`))
	f.Add([]byte(`{"message":{"id":1},"type":"ack"}`))
	object, err := parseObject("room:{room}", anyMember)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, _, err := s.read(data)
		if err != nil {
			return
		}
		o, err := object.fill(members(v))
		if err != nil {
			if !errors.Is(err, errValue) && !strings.Contains(err.Error(), "upper and lower case") {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if o.ID == "" || len(o.ID) > maxID || strings.ContainsFunc(o.ID, isControl) {
			t.Fatalf("%q names %q", data, o.ID)
		}
	})
}

// A socket by extended CONNECT is decided as the GET that it stands for, and so are its messages.
func TestSocketByExtendedConnect(t *testing.T) {
	e := newEnv(t, importChat(t), "")
	grantRoom(t, e, "general")
	by := &extended.Dialer{Version: 2}
	l := dialBy(t, e, "/api/ws", "ursula/user", by)
	l.arrives(`{"type":"join","room":"general"}`)
	l.hears(`{"type":"joined","room":"general"}`)
	l.say(`{"type":"join","room":"secret"}`)
	l.closes(websocket.StatusPolicyViolation, "another's room")
	for user, status := range map[string]int{"": http.StatusUnauthorized, "ursula/user": http.StatusForbidden} {
		path := "/api/ws"
		if user != "" {
			path = "/api/nowhere"
		}
		header := http.Header{}
		if user != "" {
			header.Set("Test-User", user)
		}
		_, resp, err := websocket.Dial(context.Background(), e.url+path, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{Transport: by}})
		if err == nil || resp == nil || resp.StatusCode != status {
			t.Errorf("%s of %q: %v %v", path, user, resp, err)
		}
	}
}
