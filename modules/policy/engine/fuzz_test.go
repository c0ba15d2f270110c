package engine

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// fromJSON makes an AST value of any JSON, numbers as they are written.
func fromJSON(text string) (ast.Value, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var x any
	if dec.Decode(&x) != nil {
		return nil, false
	}
	v, err := ast.InterfaceToValue(x)
	return v, err == nil
}

// Whatever a policy answers: it allows only where that says so in as many words, and what is read keeps to its bounds.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"allow": true}`, `{"allow": false, "reason": "no", "obligations": {"step_up": true, "max_age": 600}}`,
		`{"allow": true, "allow_truncated": true, "obligations": {"mask": ["a.b"], "encrypt": [], "tier": "x", "log": "full", "expires": 5, "incident": "x"}}`,
		`{"allow": "true"}`, `{"allow": true, "obligations": {"expires": 1e999999999}}`, `{"allow": true, "obligations": {"max_age": -0}}`,
		`{"allow": true, "obligations": null}`, `{"allow": true, "allow": false}`, `[true]`, `true`, `{"allow": 1e400}`, `{"allow": true, "reason": "\ud800"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := fromJSON(text)
		if !ok {
			return
		}
		d, err := parseDecision(v)
		if err != nil && (d.Allow || d.Obligations.StepUp || d.Reason != "") {
			t.Errorf("%v, and yet %+v", err, d)
		}
		if err != nil {
			return
		}
		o := v.(ast.Object)
		if d.Allow != o.Get(kAllow).Equal(ast.InternedTerm(true)) || d.Allow && d.Obligations.StepUp {
			t.Errorf("%s gives %+v", text, d)
		}
		for _, age := range []time.Duration{d.Obligations.MaxAge, d.Obligations.Expires} {
			if age < 0 || age > longest {
				t.Errorf("%s gives %s", text, age)
			}
		}
		if len(d.Reason) > maxReason || len(d.Obligations.Mask) > maxMembers || len(d.Obligations.Encrypt) > maxMembers {
			t.Errorf("%s is too long", text)
		}
	})
}

// Whatever a body and the rest of a request hold: the shipped policy answers, the same with all of the document and with what it
// reads, and no stranger gets what is not open.
func FuzzInput(f *testing.F) {
	src := shipped(f).current.Load()
	f.Add("GET", "/", "message:post", "room", "general", "owner", "ursula", "user", `{"a": [1, null]}`)
	f.Add("", "\xff", "member:add", "", ":", "", "\x00", "admin", `1e999999999`)
	f.Add("DELETE", "/../", "app:restricted", "room:", "*", "*", "*", "moderator", `"\ud800"`)
	f.Fuzz(func(t *testing.T, method, path, permission, kind, id, relation, name, role, body string) {
		in := &Input{Method: method, Path: path, Permission: permission, Resource: Object{kind, id}, Parent: Object{id, kind}, Target: name}
		in.Relations, in.ParentRelations = []string{relation}, []string{relation, role}
		if name != "" {
			id := *ursula
			id.Name, id.Roles = name, []string{role}
			in.Identity = &id
		}
		if v, ok := fromJSON(body); ok {
			in.Body = v
		}
		o := Options{Timeout: time.Minute, Now: time.Unix(1_800_000_000, 0)}
		whole, err1 := src.Evaluate(context.Background(), in.Value(), o)
		part, err2 := src.Evaluate(context.Background(), in.value(src.reads, &src.terms), o)
		if err1 != nil || err2 != nil || whole.Allow != part.Allow || whole.Reason != part.Reason {
			t.Errorf("%v\n%+v %v\n%+v %v", in.Value(), whole, err1, part, err2)
		}
		if in.Identity == nil && whole.Allow && permission != "public" {
			t.Errorf("%v is open to strangers", in.Value())
		}
	})
}

// Whatever files a policy is made of, they are compiled or refused.
func FuzzCompile(f *testing.F) {
	f.Add("package gateway\n\ndecision := {\"allow\": true}", `{"a": 1}`)
	f.Add("package gateway\n\ndecision[x] := {\"allow\": input[x]}", `{"gateway": {"decision": 1}}`)
	f.Add("package gateway\n\ndecision := d if { d := {\"allow\": $\"{input.body}\" == data.a} }", `{"a": {"b": [1e999]}}`)
	f.Add("package system.log\n\nmask contains input.x.y", `{}`)
	f.Fuzz(func(t *testing.T, module, data string) {
		src := &Source{Modules: map[string]string{"a.rego": module}, Data: map[string]any{}}
		if len(module) > 4<<10 || src.mount("data.json", []byte(data)) != nil {
			return
		}
		s, err := Compile(context.Background(), src)
		if err != nil {
			return
		}
		// Not a longer time: what loops is no fault.
		e := New(s, time.Millisecond, time.Now)
		if d, err := e.Decide(context.Background(), messagePost()); d.Allow && (err != nil || d.Failure != None) {
			t.Errorf("%+v %v", d, err)
		}
	})
}
