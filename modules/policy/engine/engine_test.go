package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/policies"
)

func compile(t testing.TB, rego string, data map[string]any) *Snapshot {
	t.Helper()
	s, err := Compile(context.Background(), &Source{Modules: map[string]string{"test.rego": "package gateway\n\n" + rego}, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shipped(t testing.TB) *Engine {
	t.Helper()
	src, err := Load(policies.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	return New(s, 0, time.Now)
}

var ursula = &reqctx.Identity{
	Subject: "01J", Name: "ursula", Roles: []string{"user"}, Session: "s", Methods: []string{"pwd"}, AuthTime: time.Unix(1700000000, 0),
}

func messagePost() *Input {
	return &Input{
		Method: "POST", Path: "/api/rooms/general/messages", Route: "POST /api/rooms/{room}/messages", Host: "chat.example.com",
		Permission: "message:post", Identity: ursula, Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")},
		Resource: Object{"room", "general"}, Relations: []string{"viewer", "member"},
	}
}

func TestShippedPolicyDecides(t *testing.T) {
	e := shipped(t)
	d, err := e.Decide(context.Background(), messagePost())
	if err != nil || !d.Allow || d.Reason != "grant on the resource" || d.Obligations.Tier != "standard" || d.Revision == "" || d.Failure != None {
		t.Fatalf("%+v %v", d, err)
	}
	in := messagePost()
	in.Relations = nil
	if d, err = e.Decide(context.Background(), in); err != nil || d.Allow || d.Reason != "no grant on the resource" {
		t.Fatalf("%+v %v", d, err)
	}
}

func TestStepUp(t *testing.T) {
	e := shipped(t)
	id := *ursula
	in := &Input{Permission: "app:restricted", Identity: &id}
	if d, err := e.Decide(context.Background(), in); err != nil || d.Allow || !d.Obligations.StepUp || d.Obligations.MaxAge != 10*time.Minute {
		t.Fatalf("%+v %v", d, err)
	}
	id.MFATime, id.ACR = time.Now().Add(-time.Minute), reqctx.ACRMulti
	if d, err := e.Decide(context.Background(), in); err != nil || !d.Allow {
		t.Fatalf("%+v %v", d, err)
	}
}

// Every outcome but one well-formed decision refuses and says how.
func TestFailsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		rego string
		want Failure
	}{
		"undefined":            {`decision := {"allow": true} if input.target`, Undefined},
		"conflict":             {`decision := {"allow": true} if input.request` + "\n\n" + `decision := {"allow": false} if input.client`, Undefined},
		"a set":                {`decision contains {"allow": true}`, Malformed},
		"a boolean":            {`decision := true`, Malformed},
		"an age as text":       {`decision := {"allow": false, "obligations": {"step_up": true, "max_age": "600"}}`, Malformed},
		"half an age":          {`decision := {"allow": false, "obligations": {"step_up": true, "max_age": 0.5}}`, Malformed},
		"an age below zero":    {`decision := {"allow": false, "obligations": {"step_up": true, "max_age": -1}}`, Malformed},
		"an age without end":   {`decision := {"allow": false, "obligations": {"step_up": true, "max_age": 99999999999}}`, Malformed},
		"no allow":             {`decision := {"reason": "x"}`, Malformed},
		"allow a string":       {`decision := {"allow": "true"}`, Malformed},
		"allow a number":       {`decision := {"allow": 1}`, Malformed},
		"allow null":           {`decision := {"allow": null}`, Malformed},
		"reason a number":      {`decision := {"allow": true, "reason": 1}`, Malformed},
		"obligations a list":   {`decision := {"allow": true, "obligations": []}`, Malformed},
		"step up a string":     {`decision := {"allow": true, "obligations": {"step_up": "yes"}}`, Malformed},
		"mask of numbers":      {`decision := {"allow": true, "obligations": {"mask": [1]}}`, Malformed},
		"mask a string":        {`decision := {"allow": true, "obligations": {"mask": "x"}}`, Malformed},
		"allow with a step up": {`decision := {"allow": true, "obligations": {"step_up": true}}`, Malformed},
		"an age by arithmetic": {`decision := {"allow": false, "obligations": {"step_up": true, "max_age": 1e300 * 1e300}}`, Malformed},
		"allow is not a one":   {`decision := {"allow": 1 / 3}`, Malformed},
		"expires is null":      {`decision := {"allow": true, "obligations": {"expires": null}}`, Malformed},
		"a misspelt duty":      {`decision := {"allow": true, "obligations": {"masks": ["x"]}}`, Malformed},
		"a misspelt member":    {`decision := {"allow": true, "obligation": {"mask": ["x"]}}`, Malformed},
		"an unknown log":       {`decision := {"allow": true, "obligations": {"log": "ful"}}`, Malformed},
		"a long reason":        {`decision := {"allow": true, "reason": concat("", [x | some i in numbers.range(1, 1025); x := "r"])}`, Malformed},
		"a long tier":          {`decision := {"allow": true, "obligations": {"tier": concat("", [x | some i in numbers.range(1, 257); x := "r"])}}`, Malformed},
		"a long mask":          {`decision := {"allow": true, "obligations": {"mask": [sprintf("%d", [i]) | some i in numbers.range(1, 257)]}}`, Malformed},
		"an array of answers":  {`decision := [{"allow": true}, {"allow": true}]`, Malformed},
		"an object of answers": {"decision[input.grants.resource[_]] := {\"allow\": true}", Malformed},
		"null":                 {`decision := null`, Malformed},
		"false":                {`decision := false`, Malformed},
		"a conflict of allows": {`decision := {"allow": input.grants.resource[_] == "member"}`, Undefined},
		"a loop of data":       {`decision := {"allow": data[input.request.method]["x"] == 1}`, Undefined},
		"a function conflicts": {"decision := {\"allow\": f(1)}\n\nf(_) := true if input.request\n\nf(_) := false if input.client", Undefined},
		"division by zero":     {`decision := {"allow": 1 / count(input.grants.parent) == 1}`, Failed},
		"built-in error":       {`decision := {"allow": true} if not to_number(input.request.path) == 1`, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := New(compile(t, c.rego, nil), 0, time.Now).Decide(context.Background(), messagePost())
			if d.Allow || d.Failure != c.want || d.Reason == "" || err == nil {
				t.Fatalf("%+v %v", d, err)
			}
		})
	}
}

func TestTimeoutRefuses(t *testing.T) {
	s := compile(t, `decision := {"allow": true} if count([1 | some a in numbers.range(1, 10000); some b in numbers.range(1, 10000); a == b]) > 0`, nil)
	start := time.Now()
	d, err := New(s, 20*time.Millisecond, time.Now).Decide(context.Background(), messagePost())
	if d.Allow || d.Failure != Timeout || !d.Failure.Unavailable() || err == nil || time.Since(start) > 5*time.Second {
		t.Fatalf("%+v %v after %s", d, err, time.Since(start))
	}
}

func TestPanicRefuses(t *testing.T) {
	e := shipped(t)
	e.now = func() time.Time { panic("clock") }
	d, err := e.Decide(context.Background(), messagePost())
	if d.Allow || d.Failure != Panicked || err == nil {
		t.Fatalf("%+v %v", d, err)
	}
}

// A client that has gone away does not turn a decision into a failure.
func TestCancelledCallerIsStillDecided(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if d, err := shipped(t).Decide(ctx, messagePost()); err != nil || !d.Allow {
		t.Fatalf("%+v %v", d, err)
	}
}

func TestForbiddenBuiltinsDoNotCompile(t *testing.T) {
	for _, rego := range []string{
		`decision := {"allow": http.send({"method": "get", "url": "http://192.0.2.1"}).status_code == 200}`,
		`decision := {"allow": count(net.lookup_ip_addr("example.com")) > 0}`,
		`decision := {"allow": opa.runtime().env.HOME != ""}`,
	} {
		_, err := Compile(context.Background(), &Source{Modules: map[string]string{"test.rego": "package gateway\n\n" + rego}})
		if err == nil || !strings.Contains(err.Error(), "test.rego:3") {
			t.Errorf("%s: %v", rego, err)
		}
	}
}

func TestBadPoliciesDoNotCompile(t *testing.T) {
	for name, text := range map[string]string{
		"syntax":       "package gateway\n\ndecision := {",
		"undefined":    "package gateway\n\ndecision := {\"allow\": true} if foo(1)",
		"strict":       "package gateway\n\ndecision := {\"allow\": true} if { unused := 1 }",
		"nothing":      "package gateway\n\nother := 1",
		"old Rego":     "package gateway\n\ndecision = {\"allow\": true} { input.x }",
		"wrong packet": "package other\n\ndecision := {\"allow\": true}",
	} {
		if _, err := Compile(context.Background(), &Source{Modules: map[string]string{"a.rego": text}}); err == nil {
			t.Errorf("%s compiles", name)
		}
	}
}

func TestLoad(t *testing.T) {
	src, err := Load(fstest.MapFS{
		"a.rego":              {Data: []byte("package gateway")},
		"a_test.rego":         {Data: []byte("package broken(")},
		"data.json":           {Data: []byte(`{"x": {"a": 1}}`)},
		"x/y/data.json":       {Data: []byte(`{"b": 2}`)},
		"x/y/other.json":      {Data: []byte(`broken`)},
		".git/data.json":      {Data: []byte(`broken`)},
		"README.md":           {Data: []byte("x")},
		"x/more/rules.rego":   {Data: []byte("package gateway.more")},
		"x/more/..data/x.txt": {Data: []byte("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(src.Modules) != 2 || fmt.Sprint(src.Data) != "map[x:map[a:1 y:map[b:2]]]" {
		t.Fatalf("%v %v", src.Modules, src.Data)
	}
	for name, fs := range map[string]fstest.MapFS{
		"no module":      {"data.json": {Data: []byte(`{}`)}},
		"broken data":    {"a.rego": {}, "data.json": {Data: []byte(`{`)}},
		"data no object": {"a.rego": {}, "data.json": {Data: []byte(`[]`)}},
		"twice":          {"a.rego": {}, "data.json": {Data: []byte(`{"x":{"y":1,"y":1}}`)}},
		"trailing data":  {"a.rego": {}, "data.json": {Data: []byte(`{} {}`)}},
		"conflict":       {"a.rego": {}, "data.json": {Data: []byte(`{"x":{"y":1}}`)}, "x/data.json": {Data: []byte(`{"y":2}`)}},
		"no object":      {"a.rego": {}, "data.json": {Data: []byte(`{"x":1}`)}, "x/data.json": {Data: []byte(`{"y":2}`)}},
	} {
		if _, err := Load(fs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRevisionFollowsTheContent(t *testing.T) {
	a := &Source{Modules: map[string]string{"a": "b", "c": "d"}}
	b := &Source{Modules: map[string]string{"ab": "", "c": "d"}}
	c := &Source{Modules: map[string]string{"a": "b", "c": "d"}, Data: map[string]any{"x": 1}}
	ra, err1 := a.Revision()
	rb, err2 := b.Revision()
	rc, err3 := c.Revision()
	if err := errors.Join(err1, err2, err3); err != nil || ra == rb || ra == rc || len(ra) != 12 {
		t.Fatal(ra, rb, rc, err)
	}
}

// A slow evaluation with pushes of data beside it stalls nobody: neither these, nor other decisions, with the old data and the new. It
// finishes with what it began with.
func TestASlowEvaluationStallsNobody(t *testing.T) {
	ctx := context.Background()
	began, goOn := make(chan struct{}), make(chan struct{})
	wait := Function{
		Name: "test.wait", Type: types.NewFunction(nil, types.B),
		Call: func(topdown.BuiltinContext, []*ast.Term) (*ast.Term, error) {
			close(began)
			<-goOn
			return ast.BooleanTerm(true), nil
		},
	}
	s, err := Compile(ctx, &Source{
		Modules: map[string]string{"a.rego": "package gateway\n\ndecision := {\"allow\": data.open, \"reason\": data.name} if {\n\tinput.target == \"slow\"\n\ttest.wait()\n} else := {\"allow\": data.open, \"reason\": data.name}"},
		Data:    map[string]any{"open": true, "name": "first"},
	}, WithFunctions(wait))
	if err != nil {
		t.Fatal(err)
	}
	e := New(s, time.Minute, time.Now)
	var slow sync.WaitGroup
	slow.Go(func() {
		in := messagePost()
		in.Target = "slow"
		if d, err := e.Decide(ctx, in); err != nil || !d.Allow || d.Reason != "first" || d.Revision != s.Revision {
			t.Errorf("the slow one: %+v %v", d, err)
		}
	})
	<-began
	var others sync.WaitGroup
	for i := range 4 { // these would wait for ever where the slow one held what they need
		others.Go(func() {
			for j := range 50 {
				name := fmt.Sprint(i, "/", j)
				next, err := e.Snapshot().snapshot(ctx, map[string]any{"open": false, "name": name})
				if err != nil {
					t.Error(err)
					return
				}
				if d, err := New(next, time.Minute, time.Now).Decide(ctx, messagePost()); err != nil || d.Allow || d.Reason != name {
					t.Errorf("%s: %+v %v", name, d, err)
				}
				e.Swap(next)
				in := messagePost()
				in.Path = name // not remembered
				if d, err := e.Decide(ctx, in); err != nil || d.Allow || d.Reason == "first" {
					t.Errorf("%s: %+v %v", name, d, err)
				}
			}
		})
	}
	others.Wait()
	close(goOn)
	slow.Wait()
}

func TestInputDocument(t *testing.T) {
	in := messagePost()
	id := *ursula
	id.MFATime = time.Unix(1700000500, 0)
	id.Kind, id.ACR, id.Trusted, id.Risk, id.Issuer, id.Scopes = reqctx.KindForeign, reqctx.ACRMulti, true, []string{"new-device"}, "https://op.example", []string{}
	in.Client.Country = "DE"
	in.Identity, in.Parent, in.ParentRelations = &id, Object{"space", "x:y"}, []string{"owner"}
	in.Target, in.Message, in.Query = "petra", &Message{"join", "in"}, "to=b&to=a&q=%C3%A4+1"
	want := `{"client": {"country": "DE", "ip": "192.0.2.1"}, "grants": {"parent": ["owner"], "resource": ["viewer", "member"]}, ` +
		`"identity": {"acr": "aal2", "amr": ["pwd"], "auth_time": 1700000000, "break_glass": false, "issuer": "https://op.example", "kind": "foreign", "mfa_time": 1700000500, ` +
		`"name": "ursula", "risk": ["new-device"], "roles": ["user"], "scopes": [], "session": "s", "subject": "01J", "trusted_device": true}, ` +
		`"message": {"direction": "in", "type": "join"}, "parent": {"id": "x:y", "type": "space"}, ` +
		`"request": {"fields": "", "host": "chat.example.com", "method": "POST", "path": "/api/rooms/general/messages", "permission": "message:post", "query": {"q": ["ä 1"], "to": ["b", "a"]}, "route": "POST /api/rooms/{room}/messages"}, ` +
		`"resource": {"id": "general", "type": "room"}, "target": "petra"}`
	if got := in.Value().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	empty := (&Input{}).Value().(ast.Object)
	for _, k := range []*ast.Term{kIdentity, kResource, kParent, kTarget, kMessage} {
		if empty.Get(k) != nil {
			t.Errorf("%v is there without a value", k)
		}
	}
}
