package problem

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func request(method, target string, header map[string]string) (*http.Request, *reqctx.Request) {
	r := httptest.NewRequest(method, target, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	return reqctx.Ensure(r)
}

func TestProgramsGetJSON(t *testing.T) {
	r, rc := request("POST", "/api/x", map[string]string{"Accept": "text/html"})
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Etag", `"x"`)
	Write(w, r, Problem{Status: 429, RetryAfter: 1500 * time.Millisecond, Extra: map[string]any{"policies": []string{"login"}, "status": 1}})
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != "application/problem+json" ||
		body["type"] != "urn:gateway:problem:rate-limited" || body["status"] != 429.0 || body["request_id"] != rc.ID {
		t.Fatalf("%d %v %v", w.Code, w.Header(), body)
	}
	if w.Header().Get("Content-Encoding") != "" || w.Header().Get("Etag") != "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("headers of the answer it replaces: %v", w.Header())
	}
	if rc.Problem != "rate-limited" || rc.By != "" {
		t.Fatal(rc.Problem, rc.By)
	}
}

// Who answered with it is known.
func TestBy(t *testing.T) {
	r, rc := request("GET", "/x", nil)
	rc.Cost.Begin(cost.WAF, nil)
	defer rc.Cost.End()
	if Write(httptest.NewRecorder(), r, Problem{Status: 403}); rc.By != "waf" {
		t.Error(rc.By)
	}
}

// A program that knows nothing of this gateway knows the types that are registered; the event's word for them is short.
func TestRegisteredTypes(t *testing.T) {
	r, rc := request("POST", "/api/x", nil)
	w := httptest.NewRecorder()
	Write(w, r, Problem{Status: 429, Type: "quota-exceeded", Extra: map[string]any{"violated-policies": []string{"login"}}})
	var body struct {
		Type     string
		Violated []string `json:"violated-policies"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Type != "https://iana.org/assignments/http-problem-types#quota-exceeded" || len(body.Violated) != 1 {
		t.Errorf("%s %v", w.Body, err)
	}
	if rc.Problem != "quota-exceeded" || w.Header().Get("Retry-After") != "" {
		t.Errorf("%q %v", rc.Problem, w.Header())
	}
}

// The page says when to come back, never too early, and leads back to itself, not to where its address could lead.
func TestPagesTellWhenToComeBack(t *testing.T) {
	for after, want := range map[time.Duration][2]string{
		0:                             {"", ""},
		time.Millisecond:              {"in 1 second.", "In 1 Sekunde "},
		1500 * time.Millisecond:       {"in 2 seconds.", "In 2 Sekunden "},
		119 * time.Second:             {"in 119 seconds.", "In 119 Sekunden "},
		120 * time.Second:             {"in 2 minutes.", "In 2 Minuten "},
		121 * time.Second:             {"in 3 minutes.", "In 3 Minuten "},
		2 * time.Hour:                 {"in 2 hours.", "In 2 Stunden "},
		47*time.Hour + time.Minute:    {"in 2 days.", "In 2 Tagen "},
		30*24*time.Hour + time.Second: {"in 31 days.", "In 31 Tagen "},
	} {
		for i, lang := range []string{"en", "de"} {
			r, _ := request("GET", "//evil.example/x", map[string]string{"Accept": "text/html", "Accept-Language": lang})
			w := httptest.NewRecorder()
			Write(w, r, Problem{Status: 429, RetryAfter: after})
			body := w.Body.String()
			if !strings.Contains(body, want[i]) || strings.Contains(body, `role="status"`) != (after > 0) || strings.Contains(body, `href=""`) != (after > 0) || strings.Contains(body, "evil") {
				t.Errorf("%s, %s: %s", after, lang, body)
			}
		}
	}
}

func TestBrowsersGetAPageWithoutScript(t *testing.T) {
	r, rc := request("GET", "/x?q=<script>", map[string]string{"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"})
	w := httptest.NewRecorder()
	Write(w, r, Problem{Status: 403})
	body := w.Body.String()
	if !strings.Contains(body, rc.ID) || strings.Contains(body, "<script") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatal(body)
	}
}

// Only a page load without identity goes to the login page: a program must see its 401.
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		method string
		header map[string]string
		want   int
	}{
		{"GET", map[string]string{"Accept": "text/html"}, 303},
		{"GET", map[string]string{"Accept": "text/html", "Sec-Fetch-Mode": "cors"}, 401},
		{"GET", map[string]string{"Accept": "*/*"}, 401},
		{"GET", map[string]string{"Accept": "text/html", "Upgrade": "websocket"}, 401},
		{"POST", map[string]string{"Accept": "text/html"}, 401},
	} {
		r, rc := request(c.method, "/rooms?a=b&c=//evil", c.header)
		rc.LoginURL = "/auth/login"
		w := httptest.NewRecorder()
		Write(w, r, Problem{Status: http.StatusUnauthorized})
		if w.Code != c.want {
			t.Errorf("%s %v: %d", c.method, c.header, w.Code)
		}
		if c.want == 303 {
			u, err := url.Parse(w.Header().Get("Location"))
			if err != nil || u.Path != "/auth/login" || u.Query().Get("return_to") != "/rooms?a=b&c=//evil" {
				t.Errorf("Location %q", w.Header().Get("Location"))
			}
		}
	}
}

// A page that wants a fresh factor says how fresh to the page that asks for it.
func TestStepUpOfAPage(t *testing.T) {
	for age, want := range map[time.Duration]string{0: "", time.Minute: "60"} {
		r, rc := request("GET", "/rooms?a=b", map[string]string{"Accept": "text/html"})
		rc.LoginURL = "/auth/login"
		w := httptest.NewRecorder()
		StepUp(w, r, "x", reqctx.ACRMulti, age)
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != 303 || u.Path != "/auth/login" || u.Query().Get("return_to") != "/rooms?a=b" || u.Query().Get("max_age") != want {
			t.Errorf("%s: %d %q", age, w.Code, w.Header().Get("Location"))
		}
	}
}

// The page speaks the browser's language, and has a title for every status that a problem has by itself.
func TestPagesSpeakGerman(t *testing.T) {
	for status := range types {
		if german.Titles[status] == "" {
			t.Errorf("no German title of %d", status)
		}
	}
	for accept, want := range map[string]string{
		"de-DE,de;q=0.9,en;q=0.8": `<html lang="de">`, "en,de;q=0.1": `<html lang="en">`, "": `<html lang="en">`, "fr": `<html lang="en">`, ";;;": `<html lang="en">`,
		strings.Repeat("de,", 100): `<html lang="en">`,
	} {
		r, _ := request("GET", "/x", map[string]string{"Accept": "text/html", "Accept-Language": accept})
		w := httptest.NewRecorder()
		Write(w, r, Problem{Status: 403, Title: "The request came from another site"})
		if !strings.Contains(w.Body.String(), want) || strings.Contains(want, "de") != strings.Contains(w.Body.String(), "Das ist nicht erlaubt") {
			t.Errorf("%q: %s", accept, w.Body)
		}
	}
}
