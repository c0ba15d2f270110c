package classify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// classes are those of the tests.
const classes = `{
	"public": {}, "internal": {"signed_in": true}, "confidential": {"encrypted": true}, "restricted": {"second_factor_seconds": 600},
	"personal": {"masked": {"with": "truncate(1,2)"}}
}`

func table(t testing.TB, fields string) *Table {
	t.Helper()
	got, err := read(fields, classes)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func read(fields, classifications string) (*Table, error) {
	var f, c any
	for text, to := range map[string]*any{fields: &f, classifications: &c} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			return nil, err
		}
	}
	return New(f, c)
}

func TestFieldsOfARoute(t *testing.T) {
	tab := table(t, `{
		"POST /rooms/{room}/messages": {"request": {"/text": "confidential", "/tags/*": "internal"}, "query": {"q": "public"}, "response": {"/text": "confidential", "/phone": "personal"}},
		"GET,DELETE /things/{id}": {"response": {"": "restricted"}},
		"GET /ws": {"in": {"say": {"/text": "restricted"}}, "out": {"said": {"/text": "confidential", "/phone": "personal"}, "bye": {}}}
	}`)
	r := tab.Find("POST", []string{"rooms", "7", "messages"})
	if r == nil || r.Name != "POST /rooms/{room}/messages" {
		t.Fatalf("%+v", r)
	}
	if want := []Field{{Pointer: "/tags/*", Class: "internal"}, {Pointer: "/text", Class: "confidential", Encrypted: true}}; !slices.Equal(r.Request, want) {
		t.Errorf("%+v", r.Request)
	}
	if want := []Field{{Pointer: "/phone", Class: "personal", Masked: true}, {Pointer: "/text", Class: "confidential", Encrypted: true}}; !slices.Equal(r.Response, want) {
		t.Errorf("%+v", r.Response)
	}
	if r.Asked() != "confidential" || r.Class() != "personal" || !r.Encrypts() || !r.Particular() {
		t.Errorf("%q %q %v %v", r.Asked(), r.Class(), r.Encrypts(), r.Particular())
	}
	if head := tab.Find("HEAD", []string{"things", "7"}); head == nil || head.Asked() != "restricted" || head.Encrypts() || head.Particular() {
		t.Errorf("%+v", head)
	}
	ws := tab.Find("GET", []string{"ws"})
	if ws.Asked() != "" || ws.AskedOf(false, "say") != "restricted" || ws.AskedOf(true, "said") != "confidential" || ws.AskedOf(true, "say") != "" || ws.Class() != "personal" {
		t.Errorf("%+v", ws)
	}
	if !ws.MasksOut("said") || !ws.MasksOut("") || ws.MasksOut("bye") {
		t.Errorf("%+v", ws)
	}
	for _, path := range []string{"rooms/7", "rooms/7/messages/8", ""} {
		if tab.Find("POST", strings.Split(path, "/")) != nil {
			t.Errorf("%q is in the table", path)
		}
	}
	if got := strings.Join(tab.Classes(), " "); got != "public internal confidential restricted personal" {
		t.Error(got)
	}
}

// A server that tells no case serves /Rooms as /rooms: its fields are no others.
func TestAnotherCaseHasTheSameFields(t *testing.T) {
	tab := table(t, `{"GET /rooms/{room}": {"response": {"/name": "confidential"}}, "GET /{rest...}": {}}`)
	for _, path := range []string{"rooms", "ROOMS", "Rooms"} {
		if r := tab.Find("GET", []string{path, "A"}); r == nil || r.Asked() != "confidential" {
			t.Errorf("%s: %+v", path, r)
		}
	}
}

func TestTheEmptyTable(t *testing.T) {
	for _, tab := range []*Table{nil, {}} {
		if tab.Find("GET", nil).Asked() != "" || tab.Find("GET", nil).Encrypts() || tab.Find("GET", nil).Class() != "" || len(tab.Routes()) > 0 {
			t.Error("it holds something")
		}
	}
	if _, err := New(nil, nil); err != nil {
		t.Error(err)
	}
}

// A slip of the pen would leave a field unclassified: it refuses the table.
func TestTablesThatAreRefused(t *testing.T) {
	for fields, want := range map[string]string{
		`[]`:                                           "no object of routes",
		`{"/rooms": {}}`:                               "a method and a path",
		`{"get /rooms": {}}`:                           "upper case",
		`{"HEAD /rooms": {}}`:                          "decided as GET",
		`{"GET rooms": {}}`:                            "begin with a slash",
		`{"GET /{a}/{a}": {}}`:                         "stands twice",
		`{"GET /a": []}`:                               "request, response, query, in and out",
		`{"GET /a": {"answer": {}}}`:                   "none of request",
		`{"GET /a": {"response": []}}`:                 "no object",
		`{"GET /a": {"response": {"a": "public"}}}`:    "begins with a slash",
		`{"GET /a": {"response": {"/a~2": "public"}}}`: "~0",
		`{"GET /a": {"response": {"/a": "secret"}}}`:   "none of data.classifications",
		`{"GET /a": {"response": {"/a": 7}}}`:          "none of data.classifications",
		`{"GET /a": {"query": {"": "public"}}}`:        "plain name",
		`{"GET /a": {"in": {"x": []}}}`:                `"x"`,
		`{"GET /a": {}, "GET,POST /a": {}}`:            "told apart",
		`{"GET /{a}": {}, "GET /{b}": {}}`:             "told apart",
		`{"GET /a": {"response": {"` + strings.Repeat("/a", 65) + `": "public"}}}`: "too deep",
	} {
		if _, err := read(fields, classes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", fields, err)
		}
	}
	for classifications, want := range map[string]string{
		`[]`: "no object", `{"a": {"encrypted": "yes"}}`: "true or false", `{"a": {"masked": "null"}}`: `{"with"`, `{"a": {"masked": {"with": "nil"}}}`: "one of null",
		`{"a": {"masked": {"with": "truncate"}}}`: "one of null", `{"a": {"masked": {"with": "null", "keep": 3}}}`: `{"with"`, `{"": {}}`: "1 to",
	} {
		if _, err := read(`{}`, classifications); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", classifications, err)
		}
	}
}

func TestStricter(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"", ""}: "", {"public", ""}: "public", {"", "public"}: "public", {"restricted", "internal"}: "restricted", {"internal", "confidential"}: "confidential",
		{"restricted", "own"}: "own", {"own", "restricted"}: "own",
	} {
		if got := Stricter(in[0], in[1]); got != want {
			t.Errorf("%v: %q", in, got)
		}
	}
}

func TestMethods(t *testing.T) {
	for text, want := range map[string]Method{
		"null": {Kind: Null}, "drop": {Kind: Drop}, "mail": {Kind: Mail}, "hash": {Kind: Hash}, "token": {Kind: Token}, "truncate(0,4)": {Kind: Truncate, Last: 4}, "truncate(64,64)": {Truncate, 64, 64},
	} {
		if m, err := ParseMethod(text); err != nil || m != want {
			t.Errorf("%q: %+v %v", text, m, err)
		}
	}
	for _, text := range []string{"", "Null", "null()", "truncate", "truncate()", "truncate(1)", "truncate(1,2", "truncate(-1,2)", "truncate(65,0)", "truncate(1,2,3)", "truncate(1,2)x", "md5"} {
		if m, err := ParseMethod(text); err == nil {
			t.Errorf("%q: %+v", text, m)
		}
	}
	for text, want := range map[string]string{"author.email": "author.email", "/a:b": "/a:b", "drop:/a": "/a", "mail:": "", "urn:x.y": "urn:x.y"} {
		if path, _, err := ParseMask(text); err != nil || path != want {
			t.Errorf("%q: %q %v", text, path, err)
		}
	}
	// As a name it would mask nothing.
	for _, text := range []string{"dorp:/a", ":/a", "truncate(1):/a"} {
		if _, _, err := ParseMask(text); err == nil {
			t.Errorf("%q is a mask", text)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	tab := table(b, `{"GET /api/rooms": {}, "GET /api/rooms/{room}/messages": {"response": {"/messages/*/text": "confidential"}}, "POST /api/rooms/{room}/messages": {}, "* /api/{rest...}": {}}`)
	segs := []string{"api", "rooms", "general", "messages"}
	b.ReportAllocs()
	for b.Loop() {
		if tab.Find("GET", segs) == nil {
			b.Fatal("not found")
		}
	}
}
