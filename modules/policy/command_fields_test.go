package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// The shipped table names all that the chat's document describes, and nothing that it does not.
func TestTheChatIsClassified(t *testing.T) {
	out, err := try("", "fields", "--openapi", "../../caddyfiles/chat-openapi.yaml")
	if err != nil || strings.Contains(out, "unclassified") || strings.Contains(out, "not described") || !strings.Contains(out, "GET /api/ws: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFieldsCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	openapi := write("openapi.yaml", "openapi: 3.1.0\npaths:\n  /api/rooms:\n    post:\n      requestBody: {content: {application/json: {schema: {type: object, properties: {name: {}, secret: {}}}}}}\n  /api/new:\n    get: {}\n")
	events := write("events.jsonl", `{"http.request.method":"GET","url.path":"/api/rooms","gateway.route":"GET /api/rooms","http.response.status_code":200}
{"http.request.method":"GET","url.path":"/notes/7","http.response.status_code":200}
{"http.request.method":"GET","url.path":"/wp-admin","http.response.status_code":404}
{"http.request.method":"POST","url.path":"/auth/api/login","http.response.status_code":200}
{"event.action":"login"}
`)
	out, err := try("", "fields", "--openapi", openapi, "--events", events, "--json")
	var r classify.Report
	if jsonErr := json.Unmarshal([]byte(out), &r); err == nil || jsonErr != nil {
		t.Fatalf("%v %v\n%s", err, jsonErr, out)
	}
	var got []string
	for _, m := range r.Unclassified {
		got = append(got, m.Route+m.Pointer)
	}
	if strings.Join(got, " ") != "GET /api/new GET /notes/7 POST /api/rooms/secret" {
		t.Errorf("%q", got)
	}
	if _, err := try("", "fields", "--policy", dir, "--running"); err == nil {
		t.Error("two policies at once")
	}
	if _, err := try("", "fields", "--openapi", events); err == nil {
		t.Error("events are no document")
	}
}

// What is pushed is in the table at once, and a table with a slip in it is not taken.
func TestFieldsOfTheRunningGateway(t *testing.T) {
	a := start(t, `{}`)
	if a.Fields().Find("GET", []string{"notes"}) != nil {
		t.Fatal("it is there before")
	}
	if code, answer := ask(t, "PUT", dataRoute+"/fields/GET%20%2Fnotes", `{"response": {"/text": "restricted"}}`); code != 200 {
		t.Fatalf("%d %s", code, answer)
	}
	if r := a.Fields().Find("GET", []string{"notes"}); r.Asked() != "restricted" {
		t.Errorf("%+v", r)
	}
	in := engine.Input{Method: "GET", Segments: []string{"notes"}, Permission: "app:read", Identity: &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}}}
	if d := a.Decide(t.Context(), &in); d.Allow || !d.Obligations.StepUp {
		t.Errorf("%+v", d)
	}
	// A class that is not described, a method in lower case: the table in force stays.
	for path, text := range map[string]string{"GET%20%2Fnotes": `{"response": {"/text": "resticted"}}`, "get%20%2Fthings": `{}`} {
		if code, answer := ask(t, "PUT", dataRoute+"/fields/"+path, text); code < 400 || code > 499 || !strings.Contains(answer, "fields") {
			t.Errorf("%d %s", code, answer)
		}
	}
	if r := a.Fields().Find("GET", []string{"notes"}); r.Asked() != "restricted" {
		t.Errorf("%+v", r)
	}
	code, answer := ask(t, "GET", "/gateway/policy/fields", "")
	var told toldFields
	if err := json.Unmarshal([]byte(answer), &told); err != nil || code != 200 || told.Revision != a.Revision() || told.From != "built in" {
		t.Errorf("%d %.200s %v", code, answer, err)
	}
	if table, err := classify.New(told.Fields, told.Classifications); err != nil || len(table.Routes()) != len(a.Fields().Routes()) {
		t.Error(err)
	}
}
