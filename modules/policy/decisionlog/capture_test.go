package decisionlog

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func sampleAll(*engine.Decision) bool { return true }

// captures are what a log of these options captured of the entries.
func captures(t *testing.T, o Options, s *engine.Snapshot, entries ...Entry) (all []*Captured, events []map[string]any) {
	t.Helper()
	if o.Sample == nil {
		o.Sample = sampleAll
	}
	o.Capture = func(c *Captured) { all = append(all, c) }
	events = loggedWith(t, o, s, entries...)
	return all, events
}

// A captured decision is, once it was sealed and read again, what it was made from.
func TestCapture(t *testing.T) {
	keys, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := compile(t, allows, `mask contains "/input"`) // masks are for events
	e := entry(s)
	e.Input.Body = ast.MustParseTerm(`{"text": "hello", "n": 12345678901234567890.5}`).Value
	refused := entry(s)
	refused.Decision = engine.Decision{Reason: "second", Revision: s.Revision, Obligations: engine.Obligations{StepUp: true, MaxAge: time.Minute, Mask: []string{"a"}}}
	got, events := captures(t, Options{}, s, full(e), refused)
	if len(got) != 2 || len(events) != 2 || got[0].ID != events[0]["gateway.decision.id"] || events[0]["gateway.decision.input"] != nil {
		t.Fatal(got, events)
	}
	dir := t.TempDir()
	w, err := records.Open(CaptureOptions(records.Options{Dir: dir, Keys: keys, Keep: time.Hour, Size: 1 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got {
		w.Put(c)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := records.Files(dir)
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	f, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var again []*Captured
	if err := ReadCaptures(f, keys, func(c *Captured) error { again = append(again, c); return nil }); err != nil {
		t.Fatal(err)
	}
	document, err := ast.ValueFromReader(strings.NewReader(string(again[0].Input)))
	if err != nil || document.Compare(e.Input.Value()) != 0 || engine.Digest(document) != events[0]["gateway.decision.input_digest"] {
		t.Errorf("%v: %s", err, again[0].Input)
	}
	want := Captured{
		Time: at, ID: got[1].ID, RequestID: "R1", Input: got[1].Input, Revision: s.Revision, Micros: 42,
		Result: Result{Reason: "second", Obligations: map[string]any{"step_up": true, "max_age": 60., "mask": []any{"a"}}},
	}
	if !reflect.DeepEqual(*again[1], want) {
		t.Errorf("%+v", again[1])
	}
}

func TestWhatIsCaptured(t *testing.T) {
	s := compile(t, allows, "")
	list, unasked, quiet := entry(s), entry(s), entry(s)
	list.List, unasked.Unasked = &List{}, true
	quiet.Decision.Obligations.Log = engine.LogNone
	got, events := captures(t, Options{What: Off}, s, entry(s), list, unasked, quiet)
	if len(got) != 2 || len(events) != 0 {
		t.Errorf("%d captured, %d events", len(got), len(events))
	}
	got, events = captures(t, Options{Sample: func(d *engine.Decision) bool { return !d.Allow }}, s, entry(s))
	if len(got) != 0 || len(events) != 1 {
		t.Errorf("%d captured, %d events", len(got), len(events))
	}
}

const hush = "correct-horse-7"

// No secret is in a capture, nor in an event.
func TestSecretsAreTakenOut(t *testing.T) {
	token := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1cnN1bGEifQ." + hush
	s := compile(t, allows, "")
	for body, want := range map[string]string{
		`{"password": "` + hush + `", "user": "u"}`:             `{"password":"removed","user":"u"}`,
		`{"a": [{"new_Password": {"x": ["` + hush + `"]}}]}`:    `{"a":[{"new_Password":"removed"}]}`,
		`{"text": "see ` + token + `"}`:                         `{"text":"see removed"}`,
		`["` + token + `"]`:                                     `["removed"]`,
		`"` + token + `"`:                                       `"removed"`,
		`{"` + token + `": 1}`:                                  `{"removed":1}`,
		`{"secret": 1, "password_hint": null, "compass": true}`: `{"compass":true,"password_hint":"removed","secret":"removed"}`,
	} {
		e := full(entry(s))
		e.Input.Body = ast.MustParseTerm(body).Value
		e.Input.Target = token
		got, events := captures(t, Options{}, s, e)
		both, _ := json.Marshal([]any{got, events})
		if strings.Contains(string(both), hush) {
			t.Errorf("%s: %s", body, both)
		}
		var input struct{ Body json.RawMessage }
		if err := json.Unmarshal(got[0].Input, &input); err != nil || string(input.Body) != want {
			t.Errorf("%s gives %s", body, input.Body)
		}
		if len(got[0].Removed) == 0 {
			t.Errorf("%s: it is not said", body)
		}
	}
	// What is no secret stays: names of the document's own are no body's.
	e := entry(s)
	got, _ := captures(t, Options{}, s, e)
	if document, err := ast.ValueFromReader(strings.NewReader(string(got[0].Input))); err != nil || document.Compare(e.Input.Value()) != 0 || len(got[0].Removed) > 0 {
		t.Errorf("%s", got[0].Input)
	}
}

// Links and redirects carry secrets in their queries: what names itself one, and tokens wherever they are.
func TestSecretsAreTakenOutOfQueries(t *testing.T) {
	token := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1cnN1bGEifQ." + hush
	s := compile(t, allows, "")
	for query, want := range map[string]string{
		"access_token=" + hush + "&limit=10":       `{"access_token":["removed"],"limit":["10"]}`,
		"Password=" + hush + "&Password=" + hush:   `{"Password":["removed","removed"]}`,
		"code=" + hush + "&state=open":             `{"code":["removed"],"state":["open"]}`,
		"sig=" + hush + "&key=" + hush:             `{"key":["removed"],"sig":["removed"]}`,
		"user[password]=" + hush:                   `{"user[password]":["removed"]}`,
		"next=" + token + "&q=" + token:            `{"next":["removed"],"q":["removed"]}`,
		"next=%2Flogin%3Ftoken%3D" + hush + "%26a": `{"next":["removed"]}`,
		token + "=1": `{"removed":["1"]}`,
	} {
		e := full(entry(s))
		e.Input.Query = query
		got, events := captures(t, Options{}, s, e)
		both, _ := json.Marshal([]any{got, events})
		if strings.Contains(string(both), hush) {
			t.Errorf("%s: %s", query, both)
		}
		var input struct {
			Request struct{ Query json.RawMessage }
		}
		if err := json.Unmarshal(got[0].Input, &input); err != nil || string(input.Request.Query) != want || len(got[0].Removed) == 0 {
			t.Errorf("%s gives %s, %v", query, input.Request.Query, got[0].Removed)
		}
	}
	e := entry(s)
	e.Input.Query = "limit=10&before=m1"
	got, _ := captures(t, Options{}, s, e)
	if document, err := ast.ValueFromReader(strings.NewReader(string(got[0].Input))); err != nil || document.Compare(e.Input.Value()) != 0 || len(got[0].Removed) > 0 {
		t.Errorf("%s", got[0].Input)
	}
}
