package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// gateway is a proxy with the filter around it, in front of a back end.
type gateway struct {
	serving sync.WaitGroup // an answer is read before what was found in it is told
	*httptest.Server
	mu       sync.Mutex
	outcomes []Outcome
}

func (g *gateway) told() []Outcome {
	g.serving.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() { g.outcomes = nil }()
	return g.outcomes
}

func start(t testing.TB, o Options, rules []Rule, backend http.HandlerFunc) *gateway {
	t.Helper()
	b := httptest.NewServer(backend)
	t.Cleanup(b.Close)
	to, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{}
	f, err := New(o, rules, func(_ *http.Request, o Outcome) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.outcomes = append(g.outcomes, o)
	})
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.serving.Add(1)
		defer g.serving.Done()
		w.Header().Set("X-Outer", "kept")
		r, rc := reqctx.Ensure(r)
		if role := r.Header.Get("X-Test-Role"); role != "" {
			rc.Identity = &reqctx.Identity{Roles: []string{role}}
		}
		err := f.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
			proxy.ServeHTTP(w, r)
			return nil
		})
		if err != nil {
			http.Error(w, "outside", http.StatusTeapot)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) ask(t testing.TB, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, g.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp, "cut: " + string(body)
	}
	return resp, string(body)
}

// answer is a back end's, by the path.
func answer(status int, media, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"] = nil
		if media != "" {
			h.Set("Content-Type", media)
		}
		for i := 0; i+1 < len(header); i += 2 {
			h.Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// The attack: an error of the back end tells of its inside. The client gets a problem with its status, and nothing else of it.
func TestErrorsAreReplaced(t *testing.T) {
	inside := "panic at /srv/app/db.go with postgres://app:hunter2@10.0.0.5/app"
	for _, media := range []string{"text/html", "application/json", "application/octet-stream", ""} {
		g := start(t, Options{}, nil, answer(503, media, inside, "Retry-After", "7", "X-Trace", "secret", "Etag", `"x"`, "Set-Cookie", "a=b", "Content-Encoding", "gzip"))
		resp, body := g.ask(t, "GET", "/x")
		if resp.StatusCode != 503 || strings.Contains(body, "hunter2") || resp.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, `"status":503`) {
			t.Errorf("%s: %d %v %s", media, resp.StatusCode, resp.Header, body)
		}
		if h := resp.Header; h.Get("Retry-After") != "7" || h.Get("X-Trace") != "" || h.Get("Etag") != "" || h.Get("Content-Encoding") != "" || h.Get("X-Outer") != "kept" || h.Get("Set-Cookie") != "a=b" {
			t.Errorf("%s: %v", media, h)
		}
		if o := g.told(); len(o) != 1 || o[0].Replaced != "error" || o[0].Status != 503 {
			t.Errorf("%+v", o)
		}
		if resp, body := g.ask(t, "GET", "/x", "Accept", "text/html"); !strings.Contains(body, "<h1>") || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("a browser gets %v %s", resp.Header, body)
		}
		if resp, body := g.ask(t, "HEAD", "/x"); resp.StatusCode != 503 || body != "" || resp.Header.Get("X-Trace") != "" {
			t.Errorf("HEAD: %d %v", resp.StatusCode, resp.Header)
		}
	}
	// An endless error is not read for ever.
	g := start(t, Options{}, nil, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 32<<10)); err != nil {
				return
			}
		}
	})
	if resp, body := g.ask(t, "GET", "/"); resp.StatusCode != 500 || strings.Contains(body, "xx") {
		t.Error(resp.StatusCode, body)
	}
	g = start(t, Options{Errors: Pass}, nil, answer(500, "text/plain", "as it is"))
	if resp, body := g.ask(t, "GET", "/"); resp.StatusCode != 500 || body != "as it is" {
		t.Error(resp.StatusCode, body)
	}
}

func TestTracesAreReplaced(t *testing.T) {
	trace := "Traceback (most recent call last):\n  File \"/srv/app.py\", line 3\n"
	for _, c := range []struct {
		traces string
		status int
		body   string
		want   int // of the problem in its place; 0 it passes
	}{
		{"", 404, trace, 404}, {"", 400, `{"error":"` + strings.ReplaceAll(strings.ReplaceAll(trace, `"`, `\"`), "\n", `\n`) + `"}`, 400}, {"", 200, trace, 0}, {"", 404, "no such room", 0},
		{"all", 200, trace, 500}, {"all", 200, "fine", 0}, {"off", 404, trace, 0},
	} {
		media := "text/plain"
		if c.body[0] == '{' {
			media = "application/json"
		}
		g := start(t, Options{Traces: c.traces}, nil, answer(c.status, media, c.body))
		resp, body := g.ask(t, "GET", "/")
		if c.want == 0 {
			if resp.StatusCode != c.status || body != c.body || resp.ContentLength != int64(len(c.body)) {
				t.Errorf("%+v: %d %s", c, resp.StatusCode, body)
			}
		} else if resp.StatusCode != c.want || strings.Contains(body, "srv") || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%+v: %d %s", c, resp.StatusCode, body)
		}
	}
}

func TestHeadersOfTheInside(t *testing.T) {
	g := start(t, Options{Hide: []string{"X-Secret-*", "-X-Version"}}, nil, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for _, name := range []string{"Server", "X-Powered-By", "Via", "X-AspNet-Version", "X-Backend-Host", "x-debug-token", "X-Secret-Sauce", "X-Version", "X-Own"} {
			h.Set(name, "v")
		}
		h.Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		h.Set("Trailer", "X-Debug-Late, X-Late")
		_, _ = io.WriteString(w, "x")
		h.Set("X-Debug-Late", "t")
		h.Set("X-Late", "t")
	})
	resp, _ := g.ask(t, "GET", "/")
	for name := range resp.Header {
		switch name {
		case "X-Version", "X-Own", "X-Outer", "Link", "Content-Type", "Date", "Content-Length", "X-Content-Type-Options":
		default:
			t.Errorf("%s passes", name)
		}
	}
	if resp.Header.Get("X-Version") == "" || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Trailer.Get("X-Late") != "t" || resp.Trailer.Get("X-Debug-Late") != "" {
		t.Errorf("%v %v", resp.Header, resp.Trailer)
	}
}

func TestRedirectsToTheInside(t *testing.T) {
	for in, want := range map[string]string{
		"http://10.0.0.5:9000/login?a=b": "/login?a=b", "http://backend/x": "/x", "https://app.svc.cluster.local/": "/", "http://127.0.0.1": "/", "http://[::1]:8080/a#f": "/a#f",
		"http://10.0.0.5//evil.example/": "/evil.example/", "//backend/x": "/x", "https://example.org/x": "https://example.org/x", "/x": "/x", "x": "x", "mailto:a@b": "mailto:a@b", "http://8.8.8.8/": "http://8.8.8.8/", "": "",
	} {
		g := start(t, Options{}, nil, answer(302, "", "", "Location", in))
		if resp, _ := g.ask(t, "GET", "/", "Host", "chat.example.com"); resp.Header.Get("Location") != want {
			t.Errorf("%q becomes %q, want %q", in, resp.Header.Get("Location"), want)
		}
		if resp, _ := g.ask(t, "GET", "/", "Host", "localhost:8443"); resp.Header.Get("Location") != in {
			t.Errorf("at home %q becomes %q", in, resp.Header.Get("Location"))
		}
	}
}

// The attack: JSON that a browser takes for a page, because its type says so, or none does; a file without a type that holds a script.
func TestTypes(t *testing.T) {
	script := `<html><script>alert(1)</script>`
	for _, c := range []struct{ media, body, want string }{
		{"text/html", `{"name":"` + script + `"}`, "application/json"}, {"text/html; charset=utf-8", ` [{"a":1}]`, "application/json"}, {"", `{"a":1}`, "application/json"}, {"", `[]`, "application/json"},
		{"", script, "text/plain; charset=utf-8"}, {"", "<?xml version=\"1.0\"?><svg/>", "text/plain; charset=utf-8"}, {"", "%PDF-1.4 x", "text/plain; charset=utf-8"},
		{"", "\x89PNG\r\n\x1a\n", "image/png"}, {"", "hello", "text/plain; charset=utf-8"}, {"text/html", script, "text/html"}, {"text/html", "", "text/html"}, {"text/html", "[see below] x", "text/html"},
		{"application/json", `{"a":1}`, "application/json"}, {"image/png", `{"a":1}`, "image/png"},
	} {
		for _, size := range []int{1, 3, 100} {
			g := start(t, Options{}, nil, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if c.media != "" {
					w.Header().Set("Content-Type", c.media)
				}
				for b := c.body; len(b) > 0; b = b[min(size, len(b)):] {
					_, _ = io.WriteString(w, b[:min(size, len(b))])
				}
			})
			resp, body := g.ask(t, "GET", "/")
			if resp.Header.Get("Content-Type") != c.want || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%q %q: %v", c.media, c.body, resp.Header)
			}
			if c.want == "application/json" && strings.Contains(body, "<") || c.want != "application/json" && body != c.body {
				t.Errorf("%q %q becomes %q", c.media, c.body, body)
			}
		}
	}
}

// Lengths, digests and entity tags fit what is sent; what needs no change goes as it came.
func TestJSONIsEscaped(t *testing.T) {
	long := `["` + strings.Repeat("a<b ", 100_000) + `"]`
	for _, c := range []struct{ in, want string }{
		{`{"a":"<b>"}`, `{"a":"\u003cb\u003e"}`}, {`{"a":"b"}`, `{"a":"b"}`}, {"", ""}, {long, strings.ReplaceAll(long, "<", `\u003c`)},
	} {
		for _, known := range []bool{true, false} {
			g := start(t, Options{}, nil, func(w http.ResponseWriter, _ *http.Request) {
				h := w.Header()
				h.Set("Content-Type", "application/json")
				h.Set("Etag", `"1"`)
				h.Set("Content-Digest", "sha-256=:x:")
				if known {
					h.Set("Content-Length", fmt.Sprint(len(c.in)))
				}
				_, _ = io.WriteString(w, c.in)
				if !known {
					_ = http.NewResponseController(w).Flush()
				}
			})
			resp, body := g.ask(t, "GET", "/")
			if body != c.want || resp.ContentLength >= 0 && resp.ContentLength != int64(len(body)) || resp.Header.Get("Etag") != `"1"` {
				t.Errorf("%.40q: %d %.80q %v", c.in, resp.ContentLength, body, resp.Header)
			}
			if c.in != c.want && resp.Header.Get("Content-Digest") != "" || known && c.in == c.want && resp.Header.Get("Content-Digest") == "" {
				t.Errorf("%.40q: %v", c.in, resp.Header)
			}
			if resp, _ := g.ask(t, "HEAD", "/"); resp.StatusCode != 200 || resp.ContentLength > 0 && c.in != c.want {
				t.Errorf("HEAD: %v", resp)
			}
		}
	}
	g := start(t, Options{}, nil, answer(200, "application/json", `"<"`, "Content-Disposition", `Attachment; filename="a.json"`))
	if resp, body := g.ask(t, "GET", "/"); body != `"<"` || resp.ContentLength != 3 {
		t.Errorf("a file is changed: %q %v", body, resp.Header)
	}
	g = start(t, Options{Escape: Off}, nil, answer(200, "application/json", `"<"`))
	if _, body := g.ask(t, "GET", "/"); body != `"<"` {
		t.Error(body)
	}
	g = start(t, Options{Off: true}, nil, answer(500, "application/json", `"<"`, "X-Powered-By", "x"))
	if resp, body := g.ask(t, "GET", "/"); body != `"<"` || resp.Header.Get("X-Powered-By") != "x" || resp.Header.Get("X-Content-Type-Options") != "" {
		t.Error(resp.Header, body)
	}
}

func TestDetect(t *testing.T) {
	const filler = `{"x":"` + "y" + `"},`
	big := `[` + strings.Repeat(filler, 20_000) + `"` + card + `"]`
	for _, c := range []struct {
		name, action, media, body string
		status                    int // 0: it is cut
		want                      string
		refused                   string
	}{
		{"report", Report, "application/json", `["` + card + `"]`, 200, `["` + card + `"]`, ""},
		{"mask", Mask, "application/json", `["` + card + `"]`, 200, `["************1111"]`, ""},
		{"mask text", Mask, "text/plain", "card " + card, 200, "card ************1111", ""},
		{"mask page", Mask, "text/html", "<p>" + card + "</p>", 200, "<p>************1111</p>", ""},
		{"block", Block, "application/json", `["` + card + `"]`, 502, "", refusedDetected},
		{"block, large", Block, "application/json", big, 0, "", refusedDetected},
		{"mask, large", Mask, "application/json", big, 200, strings.Replace(big, card, "************1111", 1), ""},
		{"nothing found", Block, "application/json", `["x"]`, 200, `["x"]`, ""},
		{"no text", Block, "image/png", card, 200, card, ""},
		{"no JSON", Block, "application/json", `{'a':1}`, 502, "", refusedBroken},
		{"no JSON, only reported", Report, "application/json", `{'a':1}`, 200, `{'a':1}`, ""},
		{"wide characters", Mask, "text/plain; charset=utf-16", card, 502, "", refusedEncoded},
	} {
		g := start(t, Options{}, []Rule{{Kinds: []string{"card"}, Action: c.action}}, answer(200, c.media, c.body))
		resp, body := g.ask(t, "GET", "/")
		if cut := strings.HasPrefix(body, "cut: "); cut != (c.status == 0) || !cut && (resp.StatusCode != c.status || c.status == 200 && body != c.want) || c.status != 200 && strings.Contains(body, card) {
			t.Errorf("%s: %d %.80s", c.name, resp.StatusCode, body)
		}
		o := g.told()
		if found := strings.Contains(c.body, card) && c.media != "image/png" && c.refused != refusedEncoded; found || c.refused != "" {
			if len(o) != 1 || o[0].Refused != c.refused || found && (len(o[0].Found) != 1 || o[0].Found[0].Count != 1) || strings.Contains(fmt.Sprintf("%+v", o), card) {
				t.Errorf("%s: %+v", c.name, o)
			}
		} else if len(o) > 0 {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

// The attacks: what must not leave is fetched compressed, in pieces, or as less than it says to be.
// What programs read as UTF-16, by its name or its mark, can't be looked through, and a mark of UTF-8 before JSON is no reason to withhold it.
func TestDetectInOtherCharacterSets(t *testing.T) {
	wide := func(mark, s string) string { return mark + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	rules := []Rule{{Kinds: []string{"card"}, Action: Mask}}
	for _, c := range []struct{ media, body string }{
		{"text/csv", wide("\xff\xfe", "a,"+card)}, {"text/plain", "\xfe\xff" + "\x00" + strings.TrimSuffix(wide("", card), "\x00")}, {"text/html; charset=utf-8", wide("\xff\xfe", "<p>"+card)},
		{"text/plain; charset=unicode", wide("", card)}, {"text/plain; charset=unicodeFFFE", wide("", card)}, {"text/plain; charset=UTF16", wide("", card)}, {"text/plain; charset=\"utf16", wide("", card)},
	} {
		for _, piece := range []int{1, 1 << 10} {
			g := start(t, Options{}, rules, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.media)
				for rest := c.body; rest != ""; rest = rest[min(piece, len(rest)):] {
					_, _ = io.WriteString(w, rest[:min(piece, len(rest))])
				}
			})
			if resp, body := g.ask(t, "GET", "/"); resp.StatusCode != 502 || strings.Contains(strings.ReplaceAll(body, "\x00", ""), card) {
				t.Errorf("%s: %d %q", c.media, resp.StatusCode, body)
			}
		}
	}
	g := start(t, Options{}, rules, answer(200, "application/json", "\xef\xbb\xbf"+`{"a":"`+card+`"}`))
	if resp, body := g.ask(t, "GET", "/"); resp.StatusCode != 200 || !strings.HasPrefix(body, "\xef\xbb\xbf{") || strings.Contains(body, card) {
		t.Errorf("JSON with a mark: %d %q", resp.StatusCode, body)
	}
	g = start(t, Options{}, rules, answer(200, "application/json", "\xef\xbb"+`{"a":"`+card+`"}`))
	if resp, body := g.ask(t, "GET", "/"); resp.StatusCode != 502 || strings.Contains(body, card) {
		t.Errorf("half a mark: %d %q", resp.StatusCode, body)
	}
}

func TestDetectWhatCantBeRead(t *testing.T) {
	rules := []Rule{{Kinds: []string{"card"}, Action: Mask}}
	g := start(t, Options{}, rules, answer(200, "application/json", "\x1f\x8b", "Content-Encoding", "gzip"))
	if resp, body := g.ask(t, "GET", "/", "Accept-Encoding", "gzip"); resp.StatusCode != 502 || strings.Contains(body, "\x1f") {
		t.Error(resp.StatusCode, body)
	}
	g = start(t, Options{}, rules, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		http.ServeContent(w, r, "x.txt", time.Time{}, strings.NewReader("x"+card))
	})
	if resp, body := g.ask(t, "GET", "/", "Range", "bytes=0-8"); resp.StatusCode != 416 || strings.Contains(body, card[:8]) {
		t.Error(resp.StatusCode, body)
	}
	g = start(t, Options{}, rules, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `["half"`)
	})
	resp, err := http.Get(g.URL)
	if err == nil {
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && (resp.StatusCode == 200 || strings.Contains(string(body), "half")) {
			t.Errorf("half an answer is taken for the whole: %d %s", resp.StatusCode, body)
		}
	}
}

func TestRules(t *testing.T) {
	rules := []Rule{{Kinds: []string{"card"}, Action: Mask, At: []string{"/api/{rest...}"}, Unless: []string{"billing"}}}
	g := start(t, Options{}, rules, answer(200, "application/json", `["`+card+`"]`))
	for _, c := range []struct {
		path, role string
		masked     bool
	}{{"/api/x", "user", true}, {"/api/x", "", true}, {"/API/x", "user", true}, {"/api/x", "billing", false}, {"/other", "user", false}, {"/api//x", "user", true}} {
		if _, body := g.ask(t, "GET", c.path, "X-Test-Role", c.role); strings.Contains(body, card) == c.masked {
			t.Errorf("%+v: %s", c, body)
		}
	}
	for _, bad := range []Rule{{}, {Kinds: []string{"x"}}, {Kinds: []string{"card"}, Action: "x"}, {Kinds: []string{"card"}, At: []string{"x"}}, {Kinds: []string{"card"}, Exempt: []string{"x"}}} {
		if _, err := New(Options{}, []Rule{bad}, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	for _, bad := range []Options{{Errors: "x"}, {Hide: []string{"*"}}, {Hide: []string{"-X-Nothing"}}, {Hold: 1}, {Traces: "some"}} {
		if _, err := New(bad, nil, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// An event stream arrives line by line, masked.
func TestEventStream(t *testing.T) {
	step := make(chan bool)
	g := start(t, Options{}, []Rule{{Kinds: []string{"card"}, Action: Mask}}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d %s\n\n", i, card)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-step:
			case <-r.Context().Done():
				return
			}
		}
	})
	resp, err := http.Get(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range 3 {
		want := fmt.Sprintf("data: %d ************1111\n\n", i)
		b := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != want {
			t.Fatalf("%q %v", b, err)
		}
		step <- true
	}
}

// What is the gateway's own is left alone; an error that nothing was sent for is answered further out, without headers of the back end.
func TestOwnAnswers(t *testing.T) {
	f, err := New(Options{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r, _ := reqctx.Ensure(httptest.NewRequest("GET", "/", nil))
	if err := f.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		problem.Write(w, r, problem.Problem{Status: 502, Type: "own"})
		return nil
	}); err != nil || w.Code != 502 || !strings.Contains(w.Body.String(), "own") {
		t.Error(w.Code, w.Body, err)
	}
	w = httptest.NewRecorder()
	inside := errors.New("inside")
	r, _ = reqctx.Ensure(httptest.NewRequest("GET", "/", nil))
	if err := f.Serve(w, r, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Own", "v")
		_, _ = io.WriteString(w, `["half`)
		return inside
	}); err != inside || w.Body.Len() > 0 || len(w.Header()) > 0 { //nolint:errorlint // the same
		t.Error(w.Header(), w.Body, err)
	}
	w = httptest.NewRecorder()
	r, _ = reqctx.Ensure(httptest.NewRequest("GET", "/", nil))
	defer func() {
		if p := recover(); p != "theirs" {
			t.Error(p)
		}
	}()
	_ = f.Serve(w, r, func(http.ResponseWriter, *http.Request) error { panic("theirs") })
}

func BenchmarkServe(b *testing.B) {
	var list bytes.Buffer
	list.WriteString(`{"messages":[`)
	for i := range 50 {
		fmt.Fprintf(&list, `{"id":"01J9ZQ4T7E6Y5N8M3K2H1G%04d","room":"general","author":"ada","text":%q,"at":"2026-11-27T00:%02d:00Z"},`, i, strings.Repeat("The deploy went well, anyone at lunch? ", 7), i%60)
	}
	list.Truncate(list.Len() - 1)
	list.WriteString(`],"next":""}`)
	for _, c := range []struct {
		name, media, body string
		rules             []Rule
	}{
		{"picture", "image/png", list.String(), nil}, {"list", "application/json", list.String(), nil}, {"list with markup", "application/json", strings.ReplaceAll(list.String(), "lunch", "<b>lunch</b>"), nil},
		{"list looked through for cards accounts and keys", "application/json", list.String(), []Rule{{Kinds: []string{"card", "iban", "api-key", "private-key"}, Action: Mask}}},
		{"list looked through for all", "application/json", list.String(), []Rule{{Kinds: []string{"all"}, Action: Mask}}},
	} {
		f, err := New(Options{}, c.rules, nil)
		if err != nil {
			b.Fatal(err)
		}
		body := []byte(c.body)
		r, _ := reqctx.Ensure(httptest.NewRequest("GET", "/api/rooms/general/messages", nil))
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				w := discard{http.Header{}}
				err := f.Serve(w, r, func(w http.ResponseWriter, _ *http.Request) error {
					w.Header()["Content-Type"] = []string{c.media}
					w.Header()["Content-Length"] = []string{fmt.Sprint(len(body))}
					_, err := w.Write(body)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
