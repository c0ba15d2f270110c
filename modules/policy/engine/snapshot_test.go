package engine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestOneProgramOverOtherData(t *testing.T) {
	ctx := context.Background()
	src := &Source{
		Modules: map[string]string{"a.rego": "package gateway\n\ndecision := {\"allow\": data.open}"},
		Data:    map[string]any{"open": false},
	}
	closed, err := Compile(ctx, src)
	if err != nil {
		t.Fatal(err)
	}
	open, err := closed.snapshot(ctx, map[string]any{"open": true})
	if err != nil {
		t.Fatal(err)
	}
	if open.compiler != closed.compiler {
		t.Error("it is compiled anew")
	}
	for range 2 { // remembered and not
		if d, err := New(open, 0, time.Now).Decide(ctx, messagePost()); err != nil || !d.Allow || d.Revision != open.Revision {
			t.Errorf("%+v %v", d, err)
		}
		if d, err := New(closed, 0, time.Now).Decide(ctx, messagePost()); err != nil || d.Allow || d.Revision != closed.Revision {
			t.Errorf("%+v %v", d, err)
		}
	}
	src.Data = map[string]any{"open": true}
	if want, err := src.Revision(); err != nil || want != open.Revision || want == closed.Revision {
		t.Errorf("revision %s, not %s: %v", open.Revision, want, err)
	}
}

// Data in the place of a rule would be ignored, or stand for it where it is undefined.
func TestDataInThePlaceOfRulesIsRefused(t *testing.T) {
	ctx := context.Background()
	module := map[string]string{"a.rego": "package gateway\n\ndecision := {\"allow\": false}"}
	for _, data := range []map[string]any{
		{"gateway": map[string]any{"decision": map[string]any{"allow": true}}},
		{"gateway": map[string]any{"decision": map[string]any{}}},
	} {
		if _, err := Compile(ctx, &Source{Modules: module, Data: data}); err == nil || !strings.Contains(err.Error(), "a.rego:3") {
			t.Errorf("%v compiles: %v", data, err)
		}
		s, err := Compile(ctx, &Source{Modules: module, Data: map[string]any{"gateway": map[string]any{"other": 1}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.snapshot(ctx, data); err == nil {
			t.Errorf("%v is taken", data)
		}
	}
}

const asks = `decision := {"allow": http.send({"method": "GET", "url": data.url}).status_code == 200}`

func askingSource(u string) *Source {
	return &Source{Modules: map[string]string{"a.rego": "package gateway\n\n" + asks}, Data: map[string]any{"url": u}}
}

func TestAllowedBuiltinsReachNamedHostsOnlyAndAreNotRemembered(t *testing.T) {
	ctx := context.Background()
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hosts []string
		allow bool
	}{"named": {[]string{u.Hostname()}, true}, "another": {[]string{"api.example.com"}, false}, "none": {nil, false}} {
		s, err := Compile(ctx, askingSource(server.URL), Allow([]string{"http.send"}, c.hosts))
		if err != nil {
			t.Fatal(err)
		}
		e, before := New(s, 10*time.Second, time.Now), calls
		for range 2 {
			if d, err := e.Decide(ctx, messagePost()); d.Allow != c.allow || d.Steady || !c.allow && err == nil {
				t.Errorf("%s: %+v %v", name, d, err)
			}
		}
		if c.allow != (calls == before+2) {
			t.Errorf("%s: asked %d times", name, calls-before)
		}
	}
	if _, err := Compile(ctx, askingSource(""), Allow([]string{"net.lookup_ip_addr"}, nil)); err == nil {
		t.Error("one that was not allowed compiles")
	}
	if _, err := Compile(ctx, askingSource(""), Allow([]string{"time.now_ns"}, nil)); err == nil {
		t.Error("what is not guarded can be allowed")
	}
}

func TestTheRuntimeIsTheEnvironmentWhereAllowed(t *testing.T) {
	t.Setenv("GATEWAY_TEST", "a=b")
	s, err := Compile(context.Background(), &Source{Modules: map[string]string{
		"a.rego": "package gateway\n\ndecision := {\"allow\": opa.runtime().env.GATEWAY_TEST == \"a=b\"}",
	}}, Allow([]string{"opa.runtime"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := New(s, 0, time.Now).Decide(context.Background(), messagePost()); err != nil || !d.Allow || d.Steady {
		t.Fatalf("%+v %v", d, err)
	}
}

// What a policy asks may never answer: that is a timeout like any other.
func TestAnAnswerThatDoesNotComeIsATimeout(t *testing.T) {
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(gone)
	}))
	defer server.Close()
	s, err := Compile(context.Background(), askingSource(server.URL), Allow([]string{"http.send"}, []string{"127.0.0.1"}))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := New(s, 50*time.Millisecond, time.Now).Decide(context.Background(), messagePost()); d.Allow || d.Failure != Timeout || err == nil {
		t.Errorf("%+v %v", d, err)
	}
	<-gone
}
