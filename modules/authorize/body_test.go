package authorize

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// presence is a policy as people write them: it denies what it does not like, and allows the rest.
const presence = `package gateway

decision := {"allow": false, "reason": "a forbidden member", "obligations": {}} if {
	input.body.admin
} else := {"allow": true, "reason": "nothing speaks against it", "obligations": {}}
`

// bodyBlock has routes on which the policy sees bodies.
const bodyBlock = `
	body_memory 1MiB
	route POST /open {
		permission app:write
	}
	route POST,GET,DELETE /things {
		permission app:write
		body 1KiB
	}
	route POST /named {
		permission app:write
		resource thing:{http.gw.request.json.thing.id}
		target {http.gw.request.json.person}
		body
		on 201 grant owner thing:{http.gw.request.json.thing.id} to {http.gw.request.json.person} if {http.gw.request.json.kind} == new
	}
	socket /ws {
		permission app:read
		in say {
			permission app:write
			body 64
		}
		in free {
			permission app:write
		}
	}
`

// withPolicy is the JSON of an app gw_policy that decides by this.
func withPolicy(t testing.TB, rego string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.rego"), []byte(rego), 0o600); err != nil {
		t.Fatal(err)
	}
	return `{"folder": "` + folder + `"}`
}

// raw sends bytes as they stand on a connection of their own.
func (e *env) raw(text string) reply {
	e.t.Helper()
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		e.t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // a refusal may come before all was read
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		e.t.Fatalf("%.80q: %v", text, err)
	}
	defer resp.Body.Close()
	got, _ := io.ReadAll(resp.Body) // what is cut off by the refusal is of no interest
	return reply{resp.StatusCode, resp.Header, string(got)}
}

// post sends a body with its length, as JSON unless a header says otherwise.
func (e *env) post(path, body string, headers ...string) reply {
	e.t.Helper()
	return e.raw(head(e, path, headers...) + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

// chunked sends the same in chunks, without a length.
func (e *env) chunked(path, body string, headers ...string) reply {
	e.t.Helper()
	var b strings.Builder
	for part := range slices.Chunk([]byte(body), 100) {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	return e.raw(head(e, path, headers...) + "Transfer-Encoding: chunked\r\n\r\n" + b.String() + "0\r\n\r\n")
}

func head(e *env, path string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nTest-User: ursula/user\r\nConnection: close\r\n", path, e.addr)
	if !slices.Contains(headers, "Content-Type") {
		b.WriteString("Content-Type: application/json\r\n")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
		}
	}
	return b.String()
}

// echo makes the back end answer with what came.
func (e *env) echo() {
	e.backend(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write(body)
	})
}

func TestThePolicySeesBodies(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, presence))
	e.echo()
	good, bad := `{ "text": "hello", "n": [1, 2.5, null, true] }`, `{"text":"hello","admin":true}`
	for name, send := range map[string]func(string, string, ...string) reply{"length": e.post, "chunked": e.chunked} {
		if r := send("/things", good); r.status != 200 || r.body != good {
			t.Errorf("%s: a good body: %d %s", name, r.status, r.body)
		}
		if r := send("/things", bad); r.status != 403 {
			t.Errorf("%s: a forbidden member: %d", name, r.status)
		}
		// Where the route does not say body, the policy sees none.
		if r := send("/open", bad); r.status != 200 || r.body != bad {
			t.Errorf("%s: a route without: %d %s", name, r.status, r.body)
		}
		if r := send("/things", ""); r.status != 200 {
			t.Errorf("%s: none at all: %d", name, r.status)
		}
	}
	e.expect(200, "GET", "/things", "ursula/user")
	e.expect(200, "DELETE", "/things", "ursula/user")
}

// A policy that denies by what it sees must never be shown less than the back end gets.
func TestWhatIsNoPlainJSONIsRefused(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, presence))
	e.echo()
	admin := `{"admin":true}`
	for _, c := range []struct {
		status  int
		body    string
		headers []string
	}{
		{403, admin, nil},
		{403, admin, []string{"Content-Type", "APPLICATION/JSON; Charset=UTF-8"}},
		{403, admin, []string{"Content-Type", "application/merge-patch+json"}},
		{415, admin, []string{"Content-Type", ""}},
		{415, admin, []string{"Content-Type", "text/plain"}},
		{415, admin, []string{"Content-Type", "application/json, text/plain"}},
		{415, admin, []string{"Content-Type", "application/json", "Content-type", "text/plain"}},
		{415, admin, []string{"Content-Type", "application/json; charset=utf-16"}},
		{415, admin, []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}},
		{415, "admin=true", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{400, `{"admin":false,"admin":true}`, nil},
		{400, `{"admin":false,"\u0061dmin":true}`, nil},
		{400, `{"text":1,"Text":2}`, nil},
		{400, `{"kind":1,"` + "\u212aind" + `":2}`, nil}, // the Kelvin sign: Go folds it to k
		{400, `{"text":"\ud800"}`, nil},
		{400, "{\"text\":\"\xff\"}", nil},
		{400, `{"n":1e400}`, nil},
		{400, `{"n":1e-400}`, nil},
		{400, `{"n":1e-99999999}`, nil}, // OPA panics when it compares this one
		{400, `{"n":0e999999999}`, nil},
		{400, `{"n":1e-99999999999999999999}`, nil},
		{400, `{"n":` + strings.Repeat("1", 100) + `}`, nil},
		{400, admin + admin, nil},
		{400, "\ufeff" + admin, nil},
		{400, " ", nil},
		{400, `{"a":`, nil},
		{400, strings.Repeat("[", 200) + strings.Repeat("]", 200), nil},
	} {
		for name, send := range map[string]func(string, string, ...string) reply{"length": e.post, "chunked": e.chunked} {
			e.echo()
			if r := send("/things", c.body, c.headers...); r.status != c.status {
				t.Errorf("%s: %.60q %q: %d, want %d", name, c.body, c.headers, r.status, c.status)
			}
			if len(e.reached()) > 0 {
				t.Errorf("%s: %.60q %q reached the back end", name, c.body, c.headers)
			}
		}
	}
}

func TestNamesFromBodies(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, `package gateway

decision := {"allow": true, "reason": "it is about the thing", "obligations": {}} if {
	input.resource.id == "7"
	input.target == "petra"
} else := {"allow": false, "reason": "it is not", "obligations": {}}
`))
	e.answers(201, "application/json", `{}`)
	if r := e.post("/named", `{"thing":{"id":7},"person":"petra","kind":"new"}`); r.status != 201 {
		t.Errorf("%d %s", r.status, r.body)
	}
	var n int
	if err := e.ground().DB.QueryRow(context.Background(), `SELECT COUNT(*) FROM grants WHERE subject = 'petra' AND relation = 'owner' AND object = 'thing:7'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d grants, %v", n, err)
	}
	for body, status := range map[string]int{
		`{"thing":{"id":8},"person":"petra"}`:   403,
		`{"thing":{"id":7},"person":"ursula"}`:  403,
		`{"thing":{"id":7},"person":"*"}`:       400,
		`{"thing":{"id":7},"person":"room:a"}`:  400,
		`{"thing":{"id":7.5},"person":"petra"}`: 400,
		`{"person":"petra"}`:                    400,
		``:                                      400,
		`{"thing":{"id":7},"person":"petra","x":"` + strings.Repeat("x", 70<<10) + `"}`: 413,
	} {
		e.answers(201, "application/json", `{}`)
		if r := e.post("/named", body); r.status != status {
			t.Errorf("%.60s: %d, want %d", body, r.status, status)
		}
		if len(e.reached()) > 0 {
			t.Errorf("%.60s reached the back end", body)
		}
	}
}

func TestMessagesAreBodies(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, presence))
	l := dial(t, e, "/ws", "ursula/user")
	l.arrives(`{"type":"say","text":"hello"}`)
	l.arrives(`{"type":"say","text":"again"}`)
	l.arrives(`{"type":"free","admin":true}`)
	l.say(`{"type":"say","admin":true}`)
	l.closes(1008, "a forbidden member, after the same rule allowed another message")
	for what, message := range map[string]string{
		"larger than is seen": `{"type":"say","text":"` + strings.Repeat("x", 64) + `"}`,
		"two in one":          `{"type":"say","text":1,"Text":2}`,
		"an infinite number":  `{"type":"say","n":1e999}`,
	} {
		l := dial(t, e, "/ws", "ursula/user")
		l.say(message)
		l.closes(1008, what)
	}
}

func TestClassification(t *testing.T) {
	e := newEnv(t, `
	route GET /open {
		permission app:read
		classification public
	}
	route GET /closed {
		permission app:read
		classification restricted
	}
	socket /ws {
		permission app:read
		classification internal
		in hello {
			permission app:write
		}
		in secret {
			permission app:write
			classification confidential
		}
	}`, withPolicy(t, `package gateway

decision := {"allow": input.request.classification in ["public", "internal"], "reason": "by classification", "obligations": {}}
`))
	e.expect(200, "GET", "/open", "ursula/user")
	e.expect(403, "GET", "/closed", "ursula/user")
	l := dial(t, e, "/ws", "ursula/user")
	l.arrives(`{"type":"hello"}`)
	l.say(`{"type":"secret"}`)
	l.closes(1008, "a message of a higher class than the handshake")
}

func request(body string) (*http.Request, *reqctx.Request) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return reqctx.Ensure(r)
}

// What was read for the policy is read again by the back end, whatever the sizes of its reads.
func TestBodiesArePassedOnWhole(t *testing.T) {
	b := newBodies(largestBody)
	for _, n := range []int{1, 100, 1000, 1 << 10, 1<<10 + 1, 5000, 100_000} {
		text := `"` + strings.Repeat("x", n) + `"`
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":    func(r io.Reader) io.Reader { return r },
			"bytes":    iotest.OneByteReader,
			"data+EOF": iotest.DataErrReader,
		} {
			r, rc := request(text)
			r.ContentLength = -1
			s, free, err := b.take(httptest.NewRecorder(), r, rc, 1<<10)
			if err != nil || s.truncated != (len(text) > 1<<10) || (s.value == nil) != s.truncated {
				t.Fatalf("%d: %v %+v", n, err, s)
			}
			got, err := io.ReadAll(wrap(r.Body))
			if err != nil || string(got) != text {
				t.Fatalf("%d, %s: %v, %d bytes", n, name, err, len(got))
			}
			s.decided()
			free()
			if !b.text.Idle() || !b.values.Idle() {
				t.Fatalf("%d: memory is still counted", n)
			}
		}
	}
}

// What a client sends as a number costs the policy no time, and no panic.
func TestNumbersAreCheap(t *testing.T) {
	for _, text := range []string{"0", "-0", "0.0e-400", "5e-324", "1e308", "-1.7976931348623157e308", "1e-300", "0." + strings.Repeat("0", 40) + "1", strings.Repeat("9", 64)} {
		if !strictjson.PlainNumber(text) {
			t.Errorf("%s is refused", text)
			continue
		}
		for _, expression := range []string{"x > 1", "x == 2", "x + 1", "x * 1e300", "round(x)", "sort([x, 1])", "x in {1, 2}", "sprintf(\"%v\", [x])", "json.marshal(x)", "abs(x)"} {
			q := rego.New(rego.Query("x := input; y := "+expression), rego.ParsedInput(ast.Number(json.Number(text))))
			if _, err := q.Eval(t.Context()); err != nil {
				t.Errorf("%s of %s: %v", expression, text, err)
			}
		}
	}
	for _, text := range []string{"1e400", "1e-325", "2e-324", "1e-99999999", "0e401", "-0.0E+999999999", "1e99999999999999999999", strings.Repeat("1", 64+1)} {
		if strictjson.PlainNumber(text) {
			t.Errorf("%s passes", text)
		}
	}
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,-3e2,"x",null,true,{"b":{}}]}`), false)
	f.Add([]byte(`{"a":1,"A":2}`), true)
	f.Add([]byte(`[[[[1]]]]`), true)
	f.Fuzz(func(t *testing.T, text []byte, chunked bool) {
		b := newBodies(largestBody)
		r, rc := request(string(text))
		if chunked {
			r.ContentLength = -1
		}
		s, free, err := b.take(httptest.NewRecorder(), r, rc, 256)
		switch {
		case err != nil:
			if s.value != nil || s.truncated {
				t.Fatalf("an error and a body: %v", err)
			}
		case s.truncated && len(text) <= 256:
			if valuesIn(text) <= maxValues(256) {
				t.Fatal("truncated for nothing")
			}
		case s.value != nil:
			// Another reader of the same bytes sees the same.
			if other, err := ast.ValueFromReader(bytes.NewReader(text)); err != nil || other.Compare(s.value) != 0 {
				t.Fatalf("%v: %v and %v", err, s.value, other)
			}
		case !s.truncated && len(text) > 0:
			t.Fatal("a body looks like none")
		}
		if err == nil {
			if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%v: the back end gets other bytes", err)
			}
		}
		s.decided()
		free()
		if !b.text.Idle() || !b.values.Idle() {
			t.Fatal("memory is still counted")
		}
	})
}

// deadlines is a connection whose client does not send.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A client that stops sending is waited for only so long.
func TestSlowBodies(t *testing.T) {
	b := newBodies(largestBody)
	r, rc := request("")
	r.ContentLength, r.Body = 10, io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(os.ErrDeadlineExceeded)))
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	_, free, err := b.take(w, r, rc, 1<<10)
	free()
	var told *errBody
	if !errors.As(err, &told) || told.status != http.StatusRequestTimeout {
		t.Error(err)
	}
	if len(w.set) != 2 || w.set[0].IsZero() || time.Until(w.set[0]) > bodyTime || !w.set[1].IsZero() {
		t.Error(w.set)
	}
	if !b.text.Idle() {
		t.Error("memory is still counted")
	}
}
