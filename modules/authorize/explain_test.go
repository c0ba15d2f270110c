package authorize

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// noting is a policy that refuses all and notes what it was asked.
type noting struct {
	policy // not asked otherwise
	asked  []engine.Input
}

func (p *noting) Decide(_ context.Context, in *engine.Input) engine.Decision {
	p.asked = append(p.asked, *in)
	return engine.Decision{Reason: "noted"}
}

func explainable(t testing.TB) (*Handler, *noting) {
	t.Helper()
	keys, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{
		Routes: []Route{
			{Methods: []string{"GET"}, Path: "/rooms/{room}", Rule: Rule{Permission: "room:read", Resource: "room:{room}", Classification: "internal"}},
			{Methods: []string{"PUT"}, Path: "/rooms/{room}/members/{user}", Rule: Rule{Permission: "member:add", Resource: "room:{room}", Target: "{user}"}},
			{Methods: []string{"POST"}, Path: "/notes", Rule: Rule{Permission: "note:add"}, Body: &Body{Max: 64}},
		},
		Sockets: []Socket{{Path: "/ws", Rule: Rule{Permission: "app:read"}, Pass: []string{"pong"},
			In:  []MessageRule{{Types: []string{"say"}, Rule: Rule{Permission: "message:post", Resource: "room:{room}"}, Body: &Body{}}},
			Out: []MessageRule{{Types: []string{"said"}, Rule: Rule{Permission: "message:receive", Resource: "message:{id}", Parent: "room:{room}"}}},
		}},
	}
	p := &noting{}
	if err := h.setup(ground.New(&ground.Ground{Keys: keys}, func() {}), p, zap.NewNop(), time.Now); err != nil {
		t.Fatal(err)
	}
	return h, p
}

func asking(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.Method, r.URL.RawPath, r.RequestURI = method, "", path
	if u, err := r.URL.Parse("http://h" + path); err == nil {
		u.Scheme, u.Host = "", ""
		r.URL = u
	}
	r.Header.Set("Content-Type", "application/json")
	r, rc := reqctx.Ensure(r)
	rc.Identity = &reqctx.Identity{Subject: "s", Name: "ursula", Roles: []string{"user"}}
	return r
}

// What is explained is what the policy is asked: the same input, or a refusal without asking it.
func TestExplainAsksTheSame(t *testing.T) {
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/rooms/a", ""}, {"GET", "/rooms/a/", ""}, {"GET", "/rooms/a?x=1&X=%zz;", ""}, {"HEAD", "/rooms/a", ""}, {"GET", "/rooms/a%20b", ""}, {"DELETE", "/rooms/a", ""}, {"GET", "/nothing", ""},
		{"PUT", "/rooms/a/members/petra", ""}, {"PUT", "/rooms/a/members/a:b", ""}, {"GET", "//rooms/a", ""}, {"GET", "/rooms/%2e", ""}, {"GET", "/rooms/a%2Fb", ""}, {"GET", "/Rooms/a", ""}, {"get", "/rooms/a", ""},
		{"GET", "/rooms/a;b", ""}, {"GET", "/rooms/a%00", ""}, {"GET", "/rooms/%ff", ""}, {"POST", "/notes", ""}, {"POST", "/notes", `{"a":1}`}, {"POST", "/notes", `{"a":1,"a":2}`}, {"POST", "/notes", `{"a":"` + strings.Repeat("x", 80) + `"}`},
	} {
		h, p := explainable(t)
		if err := h.ServeHTTP(httptest.NewRecorder(), asking(c.method, c.path, c.body), nil); err != nil {
			t.Fatal(err)
		}
		in, listed, err := h.explain(asking(c.method, c.path, c.body), "", nil)
		switch {
		case (err == nil) != (len(p.asked) == 1):
			t.Errorf("%v: asked %d times, explained: %v", c, len(p.asked), err)
		case err == nil:
			if got, want := fmt.Sprint(in.Value()), fmt.Sprint(p.asked[0].Value()); got != want {
				t.Errorf("%v: asked\n%s\nexplained\n%s", c, want, got)
			}
			if listed != (in.Route != "") {
				t.Errorf("%v: listed %v, route %q", c, listed, in.Route)
			}
		}
	}
}

func TestExplainMessages(t *testing.T) {
	h, _ := explainable(t)
	in, _, err := h.explain(asking("GET", "/ws", ""), "in", []byte(`{"type":"say","room":"a","text":"x"}`))
	if err != nil || in.Permission != "message:post" || in.Resource.String() != "room:a" || in.Message.Type != "say" || in.Message.Direction != "in" || in.Body == nil || in.Truncated {
		t.Errorf("%+v %v", in, err)
	}
	in, _, err = h.explain(asking("GET", "/ws", ""), "out", []byte(`{"type":"said","room":"a","id":"1"}`))
	if err != nil || in.Permission != "message:receive" || in.Resource.String() != "message:1" || in.Parent.String() != "room:a" || in.Body != nil {
		t.Errorf("%+v %v", in, err)
	}
	in, _, err = h.explain(asking("GET", "/other", ""), "in", []byte(`x`))
	if err != nil || in.Permission != defaultWrite {
		t.Errorf("%+v %v", in, err)
	}
	for _, c := range []struct{ path, direction, message, want string }{
		{"/ws", "out", `{"type":"pong"}`, "pass unasked"}, {"/ws", "out", `{"type":"x"}`, "left out"}, {"/ws", "in", `{"type":"x"}`, "close the socket"}, {"/ws", "in", `{"type":"say"}`, ""},
		{"/ws", "in", `{`, "can't be read"}, {"/ws", "in", `{"type":"say","type":"x"}`, "can't be read"}, {"/other", "out", `x`, "pass unasked"},
	} {
		if _, _, err := h.explain(asking("GET", c.path, ""), c.direction, []byte(c.message)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
