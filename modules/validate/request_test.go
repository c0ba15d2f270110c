package validate

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/gate"
)

// What is not described does not reach the back end, and its sender is told where and why, but not what they sent.
func TestRequests(t *testing.T) {
	h := chat(t)
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int // 200: it passes
		errors string
	}{
		{"a message", post(`{"text":"Grüße"}`), 200, ""},
		{"a page", request("GET", "/", "", ""), 200, ""},
		{"a list", request("GET", "/api/rooms/general/messages?limit=5", "", ""), 200, ""},
		{"a delete with a JSON type and no body", request("DELETE", "/api/rooms/general/messages/019be0a6-7c1b-7c30-9c4c-0242ac120002", "application/json", ""), 200, ""},
		{"a file", request("POST", "/api/rooms/general/files", `multipart/form-data; boundary=x`, "--x--\r\n"), 200, ""},
		{"what can be done", request("OPTIONS", "/api/rooms", "", ""), 200, ""},
		{"unknown path", request("GET", "/api/nothing", "", ""), 404, ""},
		{"path in other case", request("GET", "/api/Rooms", "", ""), 400, " is one that servers read differently"},
		{"path read differently", request("GET", "/api//rooms", "", ""), 400, " is one that servers read differently"},
		{"variable that names nothing", request("GET", "/api/rooms/A%20B", "", ""), 404, ""},
		{"unknown method", request("PUT", "/api/rooms", "", ""), 405, ""},
		{"unknown parameter", request("GET", "/api/rooms?admin=1", "", ""), 422, "admin is not a known parameter"},
		{"parameter twice", request("GET", "/api/rooms/general/messages?limit=1&limit=100", "", ""), 422, "limit is given twice"},
		{"parameter of the wrong type", request("GET", "/api/rooms/general/messages?limit=ten", "", ""), 422, "limit must be a whole number"},
		{"unknown member", post(`{"text":"a","author":"root"}`), 422, "/author is not a known member"},
		{"member twice, the first clean", post(`{"text":"a","text":"<script>"}`), 422, "/text is given twice"},
		{"member twice, by an escape", post(`{"text":"a","\u0074ext":"b"}`), 422, "/text is given twice"},
		{"member in other case", post(`{"text":"a","Text":"b"}`), 422, "/Text differs from a known member only in upper and lower case"},
		{"member in other letters of the same case folding", post(`{"text":"a","ﬁle":"b","filE":"c"}`), 422, "/ﬁle is not a known member; /filE differs from a known member only in upper and lower case"},
		{"member of the wrong type", post(`{"text":["a"]}`), 422, "/text must be a string"},
		{"object in the place of a string", post(`{"text":{"$ne":null}}`), 422, "/text must be a string"},
		{"list in the place of an object", post(`[{"text":"a"}]`), 422, " must be an object"},
		{"too long", post(`{"text":"` + strings.Repeat("a", 4001) + `"}`), 422, "/text has more than 4000 characters"},
		{"bytes that are not UTF-8", post("{\"text\":\"\xff\"}"), 422, "/text is not well encoded"},
		{"half a surrogate pair", post(`{"text":"\ud800"}`), 422, "/text is not well encoded"},
		{"nested deep", post(strings.Repeat(`{"text":`, 100) + "1" + strings.Repeat("}", 100)), 422, strings.Repeat("/text", 16) + " is nested too deep"},
		{"a number no double holds", post(`{"text":1e999}`), 422, "/text is a number that not every reader can hold"},
		{"no JSON", post(`{"text":`), 400, "/text is not JSON"},
		{"JSON with a comment", post(`{"text":"a"/**/}`), 400, " is not JSON"},
		{"two values", post(`{"text":"a"}{"text":"b"}`), 400, " is not JSON"},
		{"no body", post(""), 422, " is missing"},
		{"JSON as plain text", request("POST", "/api/rooms/general/messages", "text/plain", `{"text":"a"}`), 415, ""},
		{"JSON without a type", request("POST", "/api/rooms/general/messages", "", `{"text":"a"}`), 415, ""},
		{"JSON as a form", request("POST", "/api/rooms/general/messages", "application/x-www-form-urlencoded", `{"text":"a"}`), 415, ""},
		{"JSON in UTF-16", request("POST", "/api/rooms/general/messages", "application/json; charset=utf-16", `{"text":"a"}`), 415, ""},
		{"a form with the fields", request("POST", "/api/rooms/general/messages", "application/x-www-form-urlencoded", `text=a`), 415, ""},
		{"a body where none is taken", request("GET", "/api/rooms", "application/json", `{}`), 415, ""},
		{"too large", post(`{"text":"` + strings.Repeat("a", 1<<20) + `"}`), 413, ""},
		{"too many values", post(`[` + strings.Repeat("1,", 70_000) + `1]`), 413, ""},
	} {
		o := do(t, h, c.r, nil)
		if o.status != c.status || o.errors != c.errors || o.reached != (c.status == 200) {
			t.Errorf("%s: %d %q, reached %v; want %d %q", c.name, o.status, o.errors, o.reached, c.status, c.errors)
		}
		if (len(o.invalid) == 0) != (c.status == 200) {
			t.Errorf("%s: recorded %+v", c.name, o.invalid)
		}
	}
}

func TestMediaTypeTwice(t *testing.T) {
	r := post(`{"text":"a"}`)
	r.Header.Add("Content-Type", "text/plain")
	if o := do(t, chat(t), r, nil); o.status != 415 || o.reached {
		t.Errorf("%d", o.status)
	}
}

func TestAllowTellsTheMethods(t *testing.T) {
	o := do(t, chat(t), request("PATCH", "/api/rooms/general/messages", "", ""), nil)
	if o.status != 405 || o.header.Get("Allow") != "GET, POST" {
		t.Errorf("%d %q", o.status, o.header.Get("Allow"))
	}
}

// A bomb is refused, not unpacked.
func TestCompressedBodies(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.Copy(z, io.LimitReader(zeros{}, 8<<20))
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for _, h := range []*Handler{chat(t), ready(t, &Handler{})} {
		for _, encoding := range []string{"gzip", "br", "deflate", "identity, gzip", "x"} {
			r := post(b.String())
			r.Header.Set("Content-Encoding", encoding)
			if o := do(t, h, r, nil); o.status != 415 || o.reached || o.header.Get("Accept-Encoding") != "identity" {
				t.Errorf("%s: %d", encoding, o.status)
			}
		}
	}
	r := post(`{"text":"a"}`)
	r.Header.Set("Content-Encoding", "identity")
	if o := do(t, chat(t), r, nil); o.status != 200 {
		t.Errorf("identity: %d", o.status)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// The next handler gets the body as it came, whole, with and without a length.
func TestBodiesPassAsTheyCame(t *testing.T) {
	h := chat(t)
	for _, text := range []string{`{"text":"a"}`, ` {"file" : "", "text":"\u00e4"} `, `{"text":"` + strings.Repeat("ä", 4000) + `"}`} {
		for _, length := range []int64{int64(len(text)), -1} {
			r := post(text)
			r.ContentLength = length
			if o := do(t, h, r, nil); o.status != 200 || o.body != text {
				t.Errorf("length %d: %d %q", length, o.status, o.body)
			}
		}
	}
	r := request("POST", "/x", "application/octet-stream", strings.Repeat("{", 3<<20))
	if o := do(t, h, r, nil); o.status != 200 || len(o.body) != 3<<20 {
		t.Errorf("%d, %d bytes", o.status, len(o.body))
	}
}

// Without a document: what every reader reads alike passes, whatever it is.
func TestWithoutDocument(t *testing.T) {
	h := ready(t, &Handler{})
	const id = `{"id":12345678901234567890,"a":{"A":1,"a":2}}`
	for _, c := range []struct {
		name, contentType, body string
		status                  int
	}{
		{"any JSON", "application/json", id, 200},
		{"any other JSON", "application/merge-patch+json; charset=UTF-8", `[null]`, 200},
		{"a member twice", "application/json", `{"a":1,"a":2}`, 422},
		{"a member twice, deep", "application/vnd.api+json", `{"data":[{"a":1,"a":2}]}`, 422},
		{"a number no double holds", "application/json", `[1e400]`, 422},
		{"no JSON", "application/json", `{a:1}`, 400},
		{"a form", "application/x-www-form-urlencoded", `a=1&a=2&b[]=3`, 200},
		{"a form in another charset", "application/x-www-form-urlencoded; charset=ISO-8859-1", `a=%E4`, 200},
		{"a form that is JSON", "application/x-www-form-urlencoded", `{"a":1}`, 200},
		{"the same, read in two ways", "application/x-www-form-urlencoded", `{"a":1,"a":2}`, 422},
		{"JSON by another name", "application/x-json", `{"a":1,"a":2}`, 422},
		{"lines of JSON", "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", 200},
		{"a beacon", "text/plain;charset=UTF-8", `{"a":1}`, 200},
		{"a beacon that is read in two ways", "text/plain;charset=UTF-8", `{"a":1,"a":2}`, 422},
		{"the same behind spaces", "text/plain", strings.Repeat(" ", 600) + `{"a":1,"a":2}`, 422},
		{"the same behind a mark", "", "\xef\xbb\xbf" + `{"a":1,"a":2}`, 422},
		{"the same without a type", "", `{"a":1,"a":2}`, 422},
		{"text that begins so", "text/plain", `[12:30] hello {`, 200},
		{"a text", "text/plain", `hello`, 200},
		{"a long text that begins so", "text/plain", "[" + strings.Repeat("x", 2<<20), 200},
		{"bytes", "application/octet-stream", `{"a":1,"a":2}`, 200},
		{"XML", "application/xml", `<a/>`, 200},
	} {
		o := do(t, h, request("POST", "/any/path?a=1&a=2", c.contentType, c.body), nil)
		if o.status != c.status || o.reached != (c.status == 200) || o.reached && o.body != c.body {
			t.Errorf("%s: %d, reached %v", c.name, o.status, o.reached)
		}
	}
}

// In the mode report everything passes, and what would not stands in the event.
func TestReport(t *testing.T) {
	h := ready(t, &Handler{OpenAPI: chatDocument, Requests: Report, Responses: Off})
	for _, c := range []struct {
		r    *http.Request
		want string
	}{
		{post(`{"text":"a","card-4111111111111111":1}`), "body /* is not a known member"},
		{request("GET", "/api/rooms?card-4111111111111111=1", "", ""), "query * is not a known parameter"},
		{request("GET", "/card-4111111111111111", "", ""), "path  is not described"},
		{post(`{"a":1,"a":2}`), "body /* is given twice"},
		{post(`{"text":` + strings.Repeat("[", 100)), "body /*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/* is nested too deep"},
	} {
		o := do(t, h, c.r, answers(200, "", ""))
		if !o.reached || len(o.invalid) == 0 {
			t.Errorf("%s: reached %v, %+v", c.want, o.reached, o.invalid)
			continue
		}
		if f := o.invalid[0]; f.In+" "+f.Place+" "+f.Reason != c.want {
			t.Errorf("%+v, want %s", f, c.want)
		}
	}
}

// Bodies of many values take room, which is bounded, and given back.
func TestMemoryIsBounded(t *testing.T) {
	h := ready(t, &Handler{Memory: 4 << 20})
	text := "[" + strings.Repeat("0,", 60_000) + "0]"
	leave, err := h.room.values.Enter(context.Background(), "192.0.2.7", 4<<20, roomWait)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // waits for no room
	r := request("POST", "/", "application/json", text).WithContext(ctx)
	if o := do(t, h, r, nil); o.reached {
		t.Errorf("passed unread: %d", o.status)
	}
	leave.Leave()
	if o := do(t, h, request("POST", "/", "application/json", text), nil); o.status != 200 {
		t.Errorf("%d", o.status)
	}
	if !h.room.text.Idle() || !h.room.values.Idle() {
		t.Error("memory is still counted")
	}
	w := httptest.NewRecorder()
	h.unread(w, post(""), gate.ErrClient)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
}
