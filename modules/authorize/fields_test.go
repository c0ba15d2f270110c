package authorize

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/policies"
)

// withFields gives the handler the shipped policy over other data: fields, and classes beside the shipped ones.
func withFields(t *testing.T, fields, classes string) string {
	t.Helper()
	folder := t.TempDir()
	entries, err := policies.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		raw, err := policies.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), "_test.rego") {
			continue
		}
		if e.Name() == "data.json" {
			raw = otherFields(t, raw, fields, classes)
		}
		if err := os.WriteFile(filepath.Join(folder, e.Name()), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return `{"folder": "` + folder + `"}`
}

func otherFields(t *testing.T, data []byte, fields, classes string) []byte {
	t.Helper()
	var all, more map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(classes), &more); err != nil {
		t.Fatal(err)
	}
	all["fields"] = json.RawMessage(fields)
	for name, class := range more {
		all["classifications"].(map[string]any)[name] = class
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const fieldClasses = `{
	"personal": {"masked": {"with": "truncate(0,2)"}, "unmasked": {"moderator": true}},
	"contact": {"masked": {"with": "mail"}, "unmasked": {"admin": true}},
	"paid": {"masked": {"with": "drop"}, "unmasked": {"admin": true}, "second_factor_seconds": 600}
}`

// Each reader sees of one answer what the classes of its fields let them see.
func TestAnswersAreMaskedByClass(t *testing.T) {
	e := newEnv(t, "route GET /people {\npermission app:read\n}", withFields(t, `{
		"GET /people": {"response": {"/people/*/phone": "personal", "/people/*/mail": "contact", "/people/*/salary": "paid", "/people/*/name": "internal"}}
	}`, fieldClasses))
	const in = `{"people":[{"name":"Anna","phone":"+49 170 1234567","mail":"anna@b.org","salary":1000}],"n":1}`
	e.answers(200, "application/json", in)
	for who, want := range map[string]string{
		"ursula/user":    `{"people":[{"name":"Anna","phone":"***67","mail":"a***@b.org"}],"n":1}`,
		"mona/moderator": `{"people":[{"name":"Anna","phone":"+49 170 1234567","mail":"a***@b.org"}],"n":1}`,
		"ada/admin":      `{"people":[{"name":"Anna","phone":"+49 170 1234567","mail":"anna@b.org"}],"n":1}`, // the salary only after a second factor
	} {
		r := e.expect(200, "GET", "/people", who)
		if r.body != want {
			t.Errorf("%s sees %s", who, r.body)
		}
		if rc := lastSeen(); rc.Class != "contact" {
			t.Errorf("%s: the request is %q", who, rc.Class)
		}
	}
	// A path that a server takes for the listed one has its fields.
	e.expect(400, "GET", "/People", "ursula/user")
}

// What is restricted asks for the second factor, whether it is written or read; the class of a field is enough for that.
func TestRestrictedFieldsAskForASecondFactor(t *testing.T) {
	e := newEnv(t, "route * /notes {\npermission app:write\n}\nroute GET /open {\npermission app:read\n}", withFields(t, `{
		"POST /notes": {"request": {"/text": "restricted"}}, "GET /notes": {"response": {"/notes/*/text": "restricted", "/n": "public"}}, "GET /open": {"response": {"/n": "public"}}
	}`, `{}`))
	e.answers(200, "application/json", `{"n":1}`)
	for _, method := range []string{"GET", "POST", "HEAD"} {
		e.expect(401, method, "/notes", "ursula/user")
		if rc := lastSeen(); rc != nil && rc.Decision != nil && rc.Decision.Allow {
			t.Errorf("%s was allowed", method)
		}
	}
	e.expect(200, "GET", "/open", "ursula/user")
	if rc := lastSeen(); rc.Class != "public" {
		t.Errorf("%q", rc.Class)
	}
}

// Without gw_protect behind it, what must be encrypted goes nowhere.
func TestFieldsToEncryptNeedWhoEncrypts(t *testing.T) {
	const fields, classes = `{"POST /notes": {"request": {"/text": "sealed"}}, "GET /ws": {"in": {"say": {"/text": "sealed"}}}}`, `{"sealed": {"encrypted": true}}`
	const block = "route POST /notes {\npermission app:write\n}\nsocket /ws {\npermission app:read\nin say {\npermission app:write\n}\n}\n"
	e := newEnv(t, block, withFields(t, fields, classes))
	e.answers(200, "application/json", `{}`)
	e.expect(403, "POST", "/notes", "ursula/user")
	e.expect(200, "GET", "/notes", "ursula/user")
	if len(e.reached()) != 1 {
		t.Errorf("%d reached the back end", len(e.reached()))
	}
	if err := e.load(block+"protected\n", withFields(t, fields, classes)); err != nil {
		t.Fatal(err)
	}
	e.expect(200, "POST", "/notes", "ursula/user")
}

// Messages are masked by the class of their own fields, also those that need no permission, and on sockets that are not described at all.
func TestMessagesAreMaskedByClass(t *testing.T) {
	e := newEnv(t, "socket /ws {\npermission app:read\nin say {\npermission app:write\n}\nout said {\npermission app:read\n}\npass hello\n}\nroute GET /tunnel {\npermission app:read\n}", withFields(t, `{
		"GET /ws": {"in": {"say": {"/text": "internal"}}, "out": {"said": {"/phone": "personal", "/text": "internal"}, "hello": {"/mail": "contact"}}},
		"GET /tunnel": {"out": {"any": {"/phone": "personal"}, "other": {"/mail": "contact"}}}
	}`, fieldClasses))
	hears := func(l *line, sent, heard string) {
		t.Helper()
		l.send <- sent
		if got := l.read(); got != heard {
			t.Errorf("%s is heard as %s, want %s", sent, got, heard)
		}
	}
	l := dial(t, e, "/ws", "ursula/user")
	l.arrives(`{"type":"say","text":"hi"}`)
	hears(l, `{"type":"said","phone":"0170 1234567","mail":"anna@b.org"}`, `{"type":"said","phone":"***67","mail":"anna@b.org"}`)
	hears(l, `{"type":"hello","phone":"0170 1234567","mail":"anna@b.org"}`, `{"type":"hello","phone":"0170 1234567","mail":"a***@b.org"}`)
	l = dial(t, e, "/ws", "mona/moderator")
	hears(l, `{"type":"said","phone":"0170 1234567"}`, `{"type":"said","phone":"0170 1234567"}`)
	l = dial(t, e, "/tunnel", "ursula/user")
	hears(l, `{"phone":"0170 1234567","mail":"anna@b.org"}`, `{"phone":"***67","mail":"a***@b.org"}`)
}

// A new table holds from the next request on.
func TestFieldsChangeWithThePolicy(t *testing.T) {
	e := newEnv(t, "", withFields(t, `{}`, fieldClasses))
	e.answers(200, "application/json", `{"phone":"0170 1234567"}`)
	if r := e.expect(200, "GET", "/x", "ursula/user"); !strings.Contains(r.body, "0170") {
		t.Error(r.body)
	}
	if err := e.load("", withFields(t, `{"GET /x": {"response": {"/phone": "personal"}}}`, fieldClasses)); err != nil {
		t.Fatal(err)
	}
	if r := e.expect(200, "GET", "/x", "ursula/user"); r.body != `{"phone":"***67"}` {
		t.Error(r.body)
	}
	// A slip in it, and the policy in force stays.
	if err := e.load("", withFields(t, `{"GET /x": {"response": {"/phone": "presonal"}}}`, fieldClasses)); err == nil || !strings.Contains(err.Error(), `fields: "GET /x": response: "/phone": its class is none`) {
		t.Error(err)
	}
	if r := e.expect(200, "GET", "/x", "ursula/user"); r.body != `{"phone":"***67"}` {
		t.Error(r.body)
	}
}
