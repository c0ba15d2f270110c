package validate

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/problem"
)

const (
	aRoom    = `{"id":"general","name":"General","visibility":"public","created_by":"ada","created_at":"2026-01-02T03:04:05.000Z"}`
	aProblem = `{"type":"urn:chat:problem:not-found","title":"There is no such room","status":404}`
)

func TestAnswers(t *testing.T) {
	enforce := ready(t, &Handler{OpenAPI: chatDocument, Responses: Enforce})
	report := ready(t, &Handler{OpenAPI: chatDocument})
	get := func(path string) *http.Request { return request("GET", path, "", "") }
	for _, c := range []struct {
		name string
		r    *http.Request
		back http.HandlerFunc
		want string // what is wrong; "" nothing
	}{
		{"a room", get("/api/rooms/general"), answers(200, "application/json", aRoom), ""},
		{"a list", get("/api/rooms"), answers(200, "application/json; charset=utf-8", `{"rooms":[`+aRoom+`,`+aRoom+`]}`), ""},
		{"a problem", get("/api/rooms/general"), answers(404, "application/problem+json", aProblem), ""},
		{"nothing", request("DELETE", "/api/rooms/general/members/ada", "", ""), answers(204, "", ""), ""},
		{"not modified", get("/api/rooms"), answers(304, "", ""), ""},
		{"only headers", request("HEAD", "/api/rooms", "", ""), answers(200, "application/json", ""), ""},
		{"a file", get("/api/files/019be0a6-7c1b-7c30-9c4c-0242ac120002"), answers(200, "image/png", "\x89PNG"), ""},
		{"a page outside of the document", nil, nil, ""},
		{"a member that is not described", get("/api/rooms/general"), answers(200, "application/json", strings.Replace(aRoom, "{", `{"password_hash":"x",`, 1)), "/* is not a known member"},
		{"a member too few", get("/api/rooms/general"), answers(200, "application/json", `{}`), "/id is missing"},
		{"of one in a list", get("/api/rooms"), answers(200, "application/json", `{"rooms":[`+strings.Replace(aRoom, "public", "secret", 1)+`]}`), "/rooms/*/visibility is not one of the allowed values"},
		{"a member twice", get("/api/rooms"), answers(200, "application/json", `{"rooms":[],"rooms":[]}`), "/* is given twice"},
		{"no JSON", get("/api/rooms"), answers(200, "application/json", `{"rooms":`), "/* is not JSON"},
		{"a page in its place", get("/api/rooms"), answers(200, "text/html", `<h1>It works</h1>`), " the media type is not one of those described"},
		{"no type", get("/api/rooms"), answers(200, "", `{"rooms":[]}`), " the media type is not one of those described"},
		{"a stack trace", get("/api/rooms"), answers(500, "text/plain", `panic: runtime error`), " the media type is not one of those described"},
		{"a body where none is described", request("DELETE", "/api/rooms/general/members/ada", "", ""), answers(200, "text/plain", `ok`), " the media type is not one of those described"},
	} {
		if c.r == nil {
			continue
		}
		for _, h := range []*Handler{enforce, report} {
			o := do(t, h, c.r.Clone(t.Context()), c.back)
			got := ""
			if len(o.invalid) > 0 {
				got = o.invalid[0].Place + " " + o.invalid[0].Reason
			}
			if got != c.want {
				t.Errorf("%s, %s: %q, want %q", c.name, h.Responses, got, c.want)
			}
			if withheld := o.status == 502; withheld != (h == enforce && c.want != "") {
				t.Errorf("%s, %s: %d %s", c.name, h.Responses, o.status, o.answer)
			}
			if o.status == 502 && (strings.Contains(o.answer, "rooms") || strings.Contains(o.answer, "panic") || strings.Contains(o.answer, "hash")) {
				t.Errorf("%s: some of it is told: %s", c.name, o.answer)
			}
		}
	}
}

// What the gateway itself answers further in (an upload or a token that is refused) is not the back end's: the document does not speak of it, and the client gets it.
func TestTheGatewaysOwnAnswersPass(t *testing.T) {
	for _, mode := range []string{Enforce, Report} {
		h := ready(t, &Handler{OpenAPI: chatDocument, Responses: mode})
		o := do(t, h, request("GET", "/api/rooms", "", ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			problem.Write(&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, r, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "upload-refused"})
		})
		if o.status != 422 || !strings.Contains(o.answer, "upload-refused") || o.header.Get("Retry-After") != "7" || o.header.Get("Content-Type") != "application/problem+json" || len(o.invalid) != 0 {
			t.Errorf("%s: %d %v %s %v", mode, o.status, o.header, o.answer, o.invalid)
		}
		// After the back end has begun, nothing of it becomes one.
		o = do(t, h, request("GET", "/api/rooms", "", ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"password_hash":"x"}`) // a test's recorder
			problem.Write(w, r, problem.Problem{Status: http.StatusUnprocessableEntity})
		})
		if mode == Enforce && (o.status != 502 || strings.Contains(o.answer, "hash")) {
			t.Errorf("%s: %d %s", mode, o.status, o.answer)
		}
	}
}

// What is enforced is held until all of it was looked at, and what is too long to be held is not sent.
func TestEnforcedAnswersAreHeld(t *testing.T) {
	h := ready(t, &Handler{OpenAPI: chatDocument, Responses: Enforce, ResponseLimit: 4 << 10})
	o := do(t, h, request("GET", "/api/rooms", "", ""), func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Range") != "" {
			t.Errorf("%v", r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Secret", "of the back end")
		_, err := io.WriteString(w, `{"rooms":[`+strings.Repeat(aRoom+",", 100)+aRoom+`]}`)
		if err == nil {
			t.Error("all of it was taken")
		}
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // as a proxy does whose write has failed
	})
	if o.status != 502 || o.header.Get("X-Secret") != "" || strings.Contains(o.answer, "general") {
		t.Errorf("%d %v %s", o.status, o.header, o.answer)
	}
	o = do(t, h, request("GET", "/api/rooms", "", ""), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, part := range []string{`{"rooms":[`, aRoom, `]}`} {
			_, _ = io.WriteString(w, part) // a test's recorder
			_ = http.NewResponseController(w).Flush()
		}
	})
	if o.status != 200 || o.answer != `{"rooms":[`+aRoom+`]}` || o.header.Get("Content-Length") == "" {
		t.Errorf("%d %v %s", o.status, o.header, o.answer)
	}
}

// What is only reported passes as it comes.
func TestReportedAnswersStream(t *testing.T) {
	h := ready(t, &Handler{OpenAPI: chatDocument, ResponseLimit: 1 << 10})
	long := `{"rooms":[` + strings.Repeat(aRoom+",", 100) + aRoom + `]}`
	o := do(t, h, request("GET", "/api/rooms", "", ""), answers(200, "application/json", long))
	if o.status != 200 || o.answer != long || len(o.invalid) != 0 {
		t.Errorf("%d %+v", o.status, o.invalid)
	}
	// A proxy copies by ReadFrom, where a writer has it: what is looked at must not get round us.
	copied := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			from, ok := w.(io.ReaderFrom)
			if !ok {
				t.Fatal("no ReadFrom")
			}
			_, _ = from.ReadFrom(strings.NewReader(text)) // a test's recorder, or refused
		}
	}
	for _, mode := range []string{Report, Enforce} {
		h := ready(t, &Handler{OpenAPI: chatDocument, Responses: mode})
		o := do(t, h, request("GET", "/api/rooms", "", ""), copied(`{"rooms":[],"secret":1}`))
		if len(o.invalid) != 1 || (o.status == 502) != (mode == Enforce) {
			t.Errorf("%s: %d %+v", mode, o.status, o.invalid)
		}
	}
}
