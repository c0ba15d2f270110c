package waf

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// sqlError is what a leak looks like: rule 951230.
const sqlError = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near ''1''' at line 1"

// leaks has a text for each file of the response rules, and the rule that must see it.
var leaks = []struct {
	name, body string
	rule       int
}{
	{"directory listing", "<html><head><title>Index of /backup</title></head><body><h1>Index of /backup</h1></body></html>", 950130},
	{"directory listing, IIS", `<A HREF="/">[To Parent Directory]</A><br><br>`, 950130},
	{"script source", "#!/usr/bin/perl\nuse strict;\n", 950140},
	{"ASP.NET exception", "[NullReferenceException] System.NullReferenceException: Object reference not set", 950150},
	{"MySQL", "<p>" + sqlError + "</p>", 951230},
	{"PostgreSQL", "org.postgresql.util.PSQLException: ERROR: relation \"users\" does not exist", 951240},
	{"Oracle", "ORA-00933: SQL command not properly ended", 951120},
	{"SQL Server", "[Microsoft][ODBC SQL Server Driver][SQL Server]Unclosed quotation mark after the character string", 951220},
	{"SQLite", "<b>Warning</b>: sqlite_query(): near \"x\": syntax error", 951250},
	{"Access", "Microsoft JET Database Engine error '80040e14'", 951110},
	{"Java", "Exception in thread \"main\" java.lang.NullPointerException\n\tat com.example.App.main(App.java:5)", 952110},
	{"PHP source", "<html><?php $db = mysql_connect('localhost', 'root', 'secret'); ?></html>", 953120},
	{"PHP error", "<b>Fatal error</b>: Uncaught Error: Call to undefined function foo() in /var/www/index.php", 953100},
	{"IIS path", "Physical path: C:\\inetpub\\wwwroot\\default.aspx", 954100},
	{"IIS error", "<title>403.1 - Forbidden: Execute access is denied.</title>", 954120},
	{"IIS application", "<title>Server Error in '/shop' Application.</title>", 954130},
	{"web shell", "<html><head><title>r57 shell</title></head></html>", 955110},
	{"web shell, WSO", "<html><head><meta http-equiv='Content-Type' content='text/html; charset=UTF-8'><title>x - WSO 2.5</title>", 955120},
	{"web shell, spaced", "<TITLE> Punk\u00a0Holic Shell </title>", 955300},
	{"Ruby", "ActionView::Template::Error (undefined method `name' for nil:NilClass):", 956100},
}

// site is a server with the handler before an application, and what the handler said of the requests.
type site struct {
	*httptest.Server
	verdicts chan *reqctx.Verdict
}

func serveAnswers(t testing.TB, h *Handler, app http.HandlerFunc) site {
	t.Helper()
	s := site{verdicts: make(chan *reqctx.Verdict, 4096)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, rc := reqctx.Ensure(r)
		defer func() { s.verdicts <- rc.Verdict }()
		err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			app(w, r)
			return nil
		}))
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// get is one request as a browser makes it. The error is that of reading the body.
func (s site) get(t testing.TB, method string, set ...string) (resp *http.Response, body string, err error) {
	t.Helper()
	r := request(method, "/", "", "")
	r.RequestURI = ""
	r.URL.Scheme, r.URL.Host = "http", s.Listener.Addr().String()
	for i := 0; i < len(set); i += 2 {
		r.Header.Set(set[i], set[i+1])
	}
	resp, err = (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func (s site) verdict(t testing.TB) *reqctx.Verdict {
	t.Helper()
	select {
	case v := <-s.verdicts:
		if v == nil {
			v = new(reqctx.Verdict)
		}
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("the request has not ended")
		return nil
	}
}

func say(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Powered-By", "PHP/5.3")
		_, _ = io.WriteString(w, body)
	}
}

func TestLeaksAreWithheld(t *testing.T) {
	on, off, detect := provision(t, &Handler{}), provision(t, &Handler{Responses: &Responses{Off: true}}), provision(t, &Handler{Mode: Detect})
	for _, c := range leaks {
		t.Run(c.name, func(t *testing.T) {
			app := say("text/html; charset=utf-8", c.body)
			s := serveAnswers(t, off, app)
			if resp, body, _ := s.get(t, "GET"); resp.StatusCode != 200 || body != c.body {
				t.Errorf("without it: status %d, %s", resp.StatusCode, body)
			}
			s = serveAnswers(t, on, app)
			resp, body, err := s.get(t, "GET")
			if resp.StatusCode != 502 || err != nil || strings.Contains(body, c.body) || resp.Header.Get("X-Powered-By") != "" || !strings.Contains(body, `"urn:gateway:problem:response-blocked"`) {
				t.Errorf("status %d, %v, %s", resp.StatusCode, resp.Header, body)
			}
			if v := s.verdict(t); v.Blocked || v.Response != reqctx.ResponseWithheld || v.Outbound < 4 || c.rule != 0 && !slices.Contains(v.Rules, c.rule) {
				t.Errorf("%+v", v)
			} else if v.Paranoia != 1 || v.DetectionParanoia != 1 || v.Score != 0 || len(v.Matches) != len(v.Rules) || v.Matches[0].Rule != v.Rules[0] || v.Matches[0].Message == "" || v.Matches[0].Excerpt != "" {
				t.Errorf("%+v", v)
			}
			s = serveAnswers(t, detect, app)
			if resp, body, _ := s.get(t, "GET"); resp.StatusCode != 200 || body != c.body {
				t.Errorf("detect: status %d, %s", resp.StatusCode, body)
			}
			if v := s.verdict(t); v.Response != "" || v.Outbound < 4 || len(v.Rules) == 0 {
				t.Errorf("detect: %+v", v)
			}
		})
	}
}

func TestWhichAnswersAreInspected(t *testing.T) {
	php := "<?php\n echo 1;"
	h := provision(t, &Handler{})
	own := provision(t, &Handler{Responses: &Responses{Types: []string{"text/*", "application/*+json"}}})
	for _, c := range []struct {
		name, contentType, body string
		h                       *Handler
		status                  int
	}{
		{"json", js, `{"error":"` + sqlError + `"}`, h, 502},
		{"json, escaped", js, `{"error":"You have an error in your SQL\u0020syntax; \u003cb\u003e"}`, h, 502},
		{"json, a path", js, `{"error":"C:\\inetpub\\wwwroot"}`, h, 502},
		{"json, slashes", js, `{"page":"<title>r57 shell<\/title>"}`, h, 502},
		{"problem+json", "application/problem+json", `{"detail":"` + sqlError + `"}`, h, 502},
		{"xhtml", "application/xhtml+xml", sqlError, h, 502},
		{"upper case", "Text/HTML;charset=UTF-8", php, h, 502},
		{"white space", " text/html ;charset=UTF-8", php, h, 502},
		{"two", "text/html, text/css", php, h, 502},
		{"none, html", "", "<html>" + sqlError, h, 502},
		{"none, text", "", sqlError, h, 502},
		{"none, json", "", `{"e":"You have an error in your SQL\u0020syntax; near"}`, h, 502},
		{"none, binary", "", "\x89PNG\r\n\x1a\n" + php, h, 200},
		{"script", "text/javascript", php, h, 200},
		{"style", "text/css", php, h, 200},
		{"image", "image/png", php, h, 200},
		{"octets", "application/octet-stream", php, h, 200},
		{"clean", "text/html", "<p>The function of a meeting is to meet. Warning: java is hot, an exception at 10.</p>", h, 200},
		{"own types", "text/css", php, own, 502},
		{"own types, suffix", "application/vnd.x+json", php, own, 502},
		{"own types, not", js, php, own, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveAnswers(t, c.h, func(w http.ResponseWriter, r *http.Request) {
				if c.contentType != "" {
					w.Header().Set("Content-Type", c.contentType)
				}
				_, _ = io.WriteString(w, c.body)
			})
			resp, body, _ := s.get(t, "GET")
			if resp.StatusCode != c.status || c.status == 200 && (body != c.body || resp.ContentLength != int64(len(c.body))) {
				t.Errorf("status %d, length %d, %s", resp.StatusCode, resp.ContentLength, body)
			}
			if c.status == 200 && len(s.verdict(t).Rules) > 0 {
				t.Error("rules matched")
			}
		})
	}
}

// What has no body, or a part of one.
func TestAnswersWithoutAllOfABody(t *testing.T) {
	h := provision(t, &Handler{})
	page := strings.Repeat("0123456789", 100)
	changed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(w, r, "", changed, strings.NewReader(page))
	})
	for _, c := range []struct {
		name, method string
		set          []string
		status       int
		length       int64
		body         string
	}{
		{"whole", "GET", nil, 200, 1000, page},
		{"head", "HEAD", nil, 200, 1000, ""},
		{"range", "GET", []string{"Range", "bytes=5-14"}, 206, 10, "5678901234"},
		{"not modified", "GET", []string{"If-None-Match", `"v1"`}, 304, 0, ""},
		{"unsatisfiable", "GET", []string{"Range", "bytes=5000-"}, 416, -2, "*"},
	} {
		resp, body, err := s.get(t, c.method, c.set...)
		if err != nil || resp.StatusCode != c.status || c.body != "*" && body != c.body || c.length > -2 && resp.ContentLength != c.length || c.status != 416 && resp.Header.Get("ETag") != `"v1"` {
			t.Errorf("%s: %v, status %d, length %d, %v", c.name, err, resp.StatusCode, resp.ContentLength, resp.Header)
		}
	}
	for _, status := range []int{204, 205, 304} {
		s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
		})
		if resp, body, err := s.get(t, "GET"); err != nil || resp.StatusCode != status || body != "" {
			t.Errorf("%d: %v, status %d, %q", status, err, resp.StatusCode, body)
		}
	}
	// A range is no way past the rules, nor are several.
	for _, set := range []string{"bytes=0-", "bytes=7-", "bytes=0-3,4-"} {
		s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			http.ServeContent(w, r, "", changed, strings.NewReader("export: "+sqlError))
		})
		if resp, body, _ := s.get(t, "GET", "Range", set); resp.StatusCode != 502 || strings.Contains(body, "SQL") {
			t.Errorf("range %s: status %d, %s", set, resp.StatusCode, body)
		}
	}
	// Parts of a picture are not read.
	s = serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		http.ServeContent(w, r, "", changed, strings.NewReader(strings.Repeat("<?php\n", 100)))
	})
	if resp, body, _ := s.get(t, "GET", "Range", "bytes=0-3,100-"); resp.StatusCode != 206 || !strings.Contains(body, "<?php") {
		t.Errorf("parts of a picture: status %d", resp.StatusCode)
	}
}

// Each event is with the client before the next is written.
func TestEventsPassOneByOne(t *testing.T) {
	for _, stream := range []string{Watch, Hold, Pass} {
		h := provision(t, &Handler{Responses: &Responses{Stream: stream}})
		next := make(chan struct{})
		s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(200)
			c := http.NewResponseController(w)
			if err := c.Flush(); err != nil {
				t.Error(err)
			}
			for i := range 20 {
				<-next
				fmt.Fprintf(w, "data: %d\n\n", i)
				_ = c.Flush()
			}
		})
		resp, err := http.Get(s.URL) // returns with the headers, before any event
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(resp.Body)
		for i := range 20 {
			next <- struct{}{}
			if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("%s: %q, %v", stream, line, err)
			}
			_, _ = in.ReadString('\n')
		}
		resp.Body.Close()
		if v := s.verdict(t); v.Outbound > 0 || v.Response != "" {
			t.Errorf("%+v", v)
		}
	}
}

func TestALeakEndsTheStream(t *testing.T) {
	h, detect := provision(t, &Handler{}), provision(t, &Handler{Mode: Detect})
	var writeErr error
	app := func(chunks ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for _, c := range chunks {
				if _, writeErr = io.WriteString(w, c); writeErr == nil {
					writeErr = http.NewResponseController(w).Flush()
				}
			}
		}
	}
	filler := strings.Repeat("All is well. ", 20_000)
	for _, c := range []struct {
		name   string
		chunks []string
		sent   string // the least that the client got
	}{
		{"a chunk", []string{"all is well\n", sqlError}, "all is well\n"},
		{"across chunks", []string{"all is well: You have an er", "ror in your SQ", "L syntax; near"}, "all is well: You have an er"},
		{"across long chunks", []string{filler, filler + "You have an error in ", "your SQL syntax; near" + filler}, filler},
		{"one byte each", strings.Split("x"+sqlError, ""), "x"},
		{"after the limit, never flushed", []string{filler + sqlError + filler}, filler[:100_000]},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveAnswers(t, h, app(c.chunks...))
			resp, body, err := s.get(t, "GET")
			if resp.StatusCode != 200 || !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(body, "SQL syntax;") || !strings.HasPrefix(body, c.sent) {
				t.Errorf("status %d, %v, %d bytes", resp.StatusCode, err, len(body))
			}
			if v := s.verdict(t); v.Response != reqctx.ResponseEnded || !slices.Contains(v.Rules, 951230) || v.Blocked {
				t.Errorf("%+v", v)
			}
			if len(c.chunks) > 1 && !errors.Is(writeErr, errWithheld) && c.name != "a chunk" {
				t.Logf("the application's last write: %v", writeErr)
			}
			s = serveAnswers(t, detect, app(c.chunks...))
			if _, body, err := s.get(t, "GET"); err != nil || body != strings.Join(c.chunks, "") {
				t.Errorf("detect: %v, %d bytes", err, len(body))
			}
			if v := s.verdict(t); v.Response != "" || !slices.Contains(v.Rules, 951230) {
				t.Errorf("detect: %+v", v)
			}
		})
	}
	// With stream hold the same is refused whole, up to the limit.
	s := serveAnswers(t, provision(t, &Handler{Responses: &Responses{Stream: Hold}}), app("all is well\n", sqlError))
	if resp, body, err := s.get(t, "GET"); err != nil || resp.StatusCode != 502 || strings.Contains(body, "well") {
		t.Errorf("hold: %d %s %v", resp.StatusCode, body, err)
	}
	// With stream pass what follows the first flush is not read.
	s = serveAnswers(t, provision(t, &Handler{Responses: &Responses{Stream: Pass}}), app("all is well\n", sqlError))
	if resp, body, err := s.get(t, "GET"); err != nil || resp.StatusCode != 200 || body != "all is well\n"+sqlError {
		t.Errorf("pass: %d %s %v", resp.StatusCode, body, err)
	}
}

// An application that goes on after the end learns of it by its context.
func TestTheEndCancelsTheRequest(t *testing.T) {
	s := serveAnswers(t, provision(t, &Handler{}), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "data: "+sqlError+"\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
			t.Error("it was not cancelled")
		}
	})
	if _, body, err := s.get(t, "GET"); !errors.Is(err, io.ErrUnexpectedEOF) || body != "data: 1\n\n" {
		t.Errorf("%v %q", err, body)
	}
}

func TestTrailers(t *testing.T) {
	h := provision(t, &Handler{})
	for _, flush := range []bool{false, true} {
		for _, length := range []int{0, 10, 10_000, 200_000} {
			body := strings.Repeat("a", length)
			s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Trailer", "Grpc-Status, X-Sum")
				w.WriteHeader(200)
				_, _ = io.WriteString(w, body)
				if flush {
					_ = http.NewResponseController(w).Flush()
				}
				w.Header().Set("Grpc-Status", "0")
				w.Header().Set("X-Sum", "abc")
				w.Header().Set(http.TrailerPrefix+"X-Late", "1")
				w.Header().Set("X-No-Trailer", "1")
			})
			resp, got, err := s.get(t, "GET")
			if err != nil || got != body || resp.Trailer.Get("Grpc-Status") != "0" || resp.Trailer.Get("X-Sum") != "abc" || resp.Trailer.Get("X-Late") != "1" && length > 0 {
				t.Errorf("flush %t, %d bytes: %v, %d bytes, trailers %v", flush, length, err, len(got), resp.Trailer)
			}
			for _, k := range []string{"Grpc-Status", "X-Sum", "X-No-Trailer"} {
				if resp.Header.Get(k) != "" {
					t.Errorf("flush %t, %d bytes: %s is a header", flush, length, k)
				}
			}
		}
	}
}

func TestResponseController(t *testing.T) {
	s := serveAnswers(t, provision(t, &Handler{}), func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		for name, err := range map[string]error{
			"EnableFullDuplex": c.EnableFullDuplex(), "SetWriteDeadline": c.SetWriteDeadline(time.Now().Add(time.Minute)), "SetReadDeadline": c.SetReadDeadline(time.Now().Add(time.Minute)),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot) // superfluous
		_, _ = io.Copy(w, strings.NewReader("made"))
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	})
	if resp, body, err := s.get(t, "GET"); err != nil || resp.StatusCode != 201 || body != "made" {
		t.Errorf("%v %d %q", err, resp.StatusCode, body)
	}
	s = serveAnswers(t, provision(t, &Handler{}), func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"+sqlError)
		conn.Close()
	})
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	if b, _ := io.ReadAll(c); !strings.HasSuffix(string(b), sqlError) {
		t.Errorf("a socket: %q", b)
	}
}

func TestEncodedAnswersPass(t *testing.T) {
	zipped := new(bytes.Buffer)
	z := gzip.NewWriter(zipped)
	_, _ = io.WriteString(z, sqlError)
	z.Close()
	before := answersCounted(t, encoded)
	s := serveAnswers(t, provision(t, &Handler{}), func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get("Accept-Encoding"); e != "identity" {
			t.Errorf("the back end is told that it may encode: %q", e)
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped.Bytes())
	})
	if resp, body, err := s.get(t, "GET", "Accept-Encoding", "gzip"); err != nil || resp.StatusCode != 200 || body != zipped.String() {
		t.Errorf("%v %d", err, resp.StatusCode)
	}
	if answersCounted(t, encoded) != before+1 {
		t.Error("it was not counted")
	}
}

func answersCounted(t testing.TB, verdict string) float64 {
	t.Helper()
	m := new(dto.Metric)
	if err := responses.WithLabelValues(verdict).Write(m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// What hit the request is no finding in its answer, and the rules of both are in one verdict.
func TestAnswersToAttacks(t *testing.T) {
	h := provision(t, &Handler{Mode: Detect})
	s := serveAnswers(t, h, say("text/html", "hello"))
	ok, hits := answersCounted(t, passed), counter(t, ruleHits.WithLabelValues("951230"))
	s.get(t, "GET", "Referer", "<script>alert(1)</script>")
	if v := s.verdict(t); v.Score < 5 || v.Outbound != 0 || v.Response != "" {
		t.Errorf("%+v", v)
	}
	if got := answersCounted(t, passed) - ok; got != 1 {
		t.Errorf("%v answers passed, want 1", got)
	}
	s = serveAnswers(t, h, say("text/html", sqlError))
	s.get(t, "GET", "Referer", "<script>alert(1)</script>")
	v := s.verdict(t)
	if v.Score < 5 || v.Outbound < 4 || !slices.Contains(v.Rules, 941110) || !slices.Contains(v.Rules, 951230) || len(v.Matches) != len(v.Rules) {
		t.Errorf("%+v", v)
	}
	if got := counter(t, ruleHits.WithLabelValues("951230")) - hits; got != 1 {
		t.Errorf("rule 951230 is counted %v times, want once", got)
	}
}

// A back end that fails after its first bytes: what it wrote is not taken for an answer, nor are its headers.
func TestErrorsAfterTheFirstBytes(t *testing.T) {
	h := provision(t, &Handler{})
	for name, next := range map[string]caddyhttp.HandlerFunc{
		"error": func(w http.ResponseWriter, r *http.Request) error {
			say("text/html", "half")(w, r)
			return caddyhttp.Error(504, errors.New("x"))
		},
		"panic": func(w http.ResponseWriter, r *http.Request) error {
			say("text/html", "half")(w, r)
			panic("x")
		},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("X-Request-Id", "1")
		func() {
			defer func() {
				if p := recover(); (p != nil) != (name == "panic") {
					t.Errorf("%s: %v", name, p)
				}
			}()
			if err := h.ServeHTTP(w, request("GET", "/", "", ""), next); err == nil {
				t.Error("no error")
			}
		}()
		if w.Body.Len() > 0 || w.Header().Get("X-Powered-By") != "" || w.Header().Get("X-Request-Id") != "1" {
			t.Errorf("%s: %v %s", name, w.Header(), w.Body)
		}
	}
}

// A rule that can't be run has not said that an answer is clean.
func TestResponseRulesFailClosed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/local.conf", "SecRule RESPONSE_BODY \"@panicking x\" \"id:1002,phase:4,pass,log\"\n")
	registerPanicking()
	app := say("text/html", "hello")
	s := serveAnswers(t, provision(t, &Handler{RulesFiles: []string{dir + "/local.conf"}}), app)
	if resp, body, _ := s.get(t, "GET"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || strings.Contains(body, "hello") {
		t.Errorf("block: %d %s", resp.StatusCode, body)
	}
	s = serveAnswers(t, provision(t, &Handler{Mode: Detect, RulesFiles: []string{dir + "/local.conf"}}), app)
	if resp, body, _ := s.get(t, "GET"); resp.StatusCode != 200 || body != "hello" {
		t.Errorf("detect: %d %s", resp.StatusCode, body)
	}
}

// The operator's own rules of the phases 3 and 4 act, and see the request; exclusions by path hold.
func TestOwnResponseRules(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/local.conf", `SecRule REQUEST_URI "@beginsWith /docs" "id:1003,phase:1,pass,nolog,ctl:ruleRemoveByTag=OWASP_CRS/DATA-LEAKAGES-SQL"
SecRule RESPONSE_BODY "@contains project x" "id:1004,phase:4,deny,status:403,log"
SecRule RESPONSE_HEADERS:X-Secret "@rx ." "id:1005,phase:3,deny,log"
`)
	h := provision(t, &Handler{RulesFiles: []string{dir + "/local.conf"}})
	for _, c := range []struct {
		target, body string
		header       string
		status       int
	}{
		{"/", "clean", "", 200}, {"/", sqlError, "", 502}, {"/docs/sql", sqlError, "", 200}, {"/", "the project x", "", 502}, {"/", "clean", "1", 502},
	} {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, request("GET", c.target, "", ""), caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if c.header != "" {
				w.Header().Set("X-Secret", c.header)
			}
			say("text/html", c.body)(w, r)
			return nil
		})); err != nil || w.Code != c.status {
			t.Errorf("%s %q: %v, status %d", c.target, c.body, err, w.Code)
		}
	}
}

// What the gateway itself answers is not read: at paranoia level 2 each 5xx is a finding.
func TestOwnProblemsPass(t *testing.T) {
	h := provision(t, &Handler{Paranoia: 2})
	for own, want := range map[bool]int{true: 503, false: 502} {
		r, rc := reqctx.Ensure(request("GET", "/", "", ""))
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if own {
				rc.Problem = "unavailable"
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(503)
			_, err := io.WriteString(w, "{}")
			return err
		})); err != nil || w.Code != want {
			t.Errorf("own %t: %d %v", own, w.Code, err)
		}
	}
}

// However long an answer is, and whether it is read or not, little of it is in memory.
func TestLongAnswersTakeLittleMemory(t *testing.T) {
	h := provision(t, &Handler{})
	line := []byte(strings.Repeat("All is well in the small room at ten. ", 100) + "\n")
	const lines = 2000
	var most uint64
	s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range lines {
			if _, err := w.Write(line); err != nil {
				t.Error(err)
				return
			}
			if i%400 == 399 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				if now.HeapAlloc > before.HeapAlloc {
					most = max(most, now.HeapAlloc-before.HeapAlloc)
				}
			}
		}
	})
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || n != int64(lines*len(line)) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if most > 4<<20 {
		t.Errorf("%d bytes more are in memory", most)
	}
}

func TestConcurrentAnswers(t *testing.T) {
	h := provision(t, &Handler{QueueTimeout: 30e9})
	s := serveAnswers(t, h, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		n, _ := strconv.Atoi(r.Header.Get("X-N"))
		fmt.Fprintf(w, "<p>%d</p>", n)
		if n%3 == 1 {
			_ = http.NewResponseController(w).Flush()
		}
		if n%2 == 1 {
			_, _ = io.WriteString(w, sqlError)
		}
	})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 12 {
				n := g*12 + i
				resp, body, err := s.get(t, "GET", "X-N", strconv.Itoa(n))
				want := fmt.Sprintf("<p>%d</p>", n)
				switch {
				case n%2 == 0:
					if resp.StatusCode != 200 || err != nil || body != want {
						t.Errorf("%d: %d %v %q", n, resp.StatusCode, err, body)
					}
				case n%3 == 1:
					if resp.StatusCode != 200 || err == nil || body != want {
						t.Errorf("%d: %d %v %q", n, resp.StatusCode, err, body)
					}
				case resp.StatusCode != 502 || err != nil:
					t.Errorf("%d: %d %v %q", n, resp.StatusCode, err, body)
				}
			}
		})
	}
	wg.Wait()
}

// A configuration that is replaced while an answer is under way goes on inspecting it.
func TestReloadUnderWay(t *testing.T) {
	h := &Handler{RulesFiles: nil, Exclusions: []Exclusion{{Rules: []string{"999998"}}}} // a set of its own
	old := provisionOnly(t, h)
	at, on := make(chan struct{}), make(chan struct{})
	s := serveAnswers(t, old, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		close(at)
		<-on
		_, _ = io.WriteString(w, sqlError)
	})
	go func() {
		<-at
		if err := old.Cleanup(); err != nil {
			t.Error(err)
		}
		close(on)
	}()
	if _, body, err := s.get(t, "GET"); !errors.Is(err, io.ErrUnexpectedEOF) || body != "first" {
		t.Errorf("%v %q", err, body)
	}
}

func TestNoRoomForAnAnswer(t *testing.T) {
	h := provision(t, &Handler{QueueTimeout: 20e6})
	h.gate = gate.New(2)
	full := func(app http.HandlerFunc) http.HandlerFunc { // takes the room once the request was inspected
		return func(w http.ResponseWriter, r *http.Request) {
			for _, client := range []string{"a", "b"} { // who each take a share
				if _, err := h.gate.Enter(r.Context(), client, 1, time.Second); err != nil {
					t.Error(err)
				}
			}
			app(w, r)
		}
	}
	s := serveAnswers(t, h, full(say("text/html", sqlError)))
	if resp, body, _ := s.get(t, "GET"); resp.StatusCode != 503 || strings.Contains(body, "SQL") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func BenchmarkAnswerJSON1KB(b *testing.B) {
	benchmarkAnswer(b, js, strings.Repeat(`{"id":"01J0ZK3W9T","room":"general","author":"ursula","text":"Shall we meet at ten in the small room?"},`, 10)[:1024])
}

func BenchmarkAnswerHTML100KB(b *testing.B) {
	benchmarkAnswer(b, "text/html", strings.Repeat("<div class=\"row item\"><a href=\"/rooms/general?x=1\">Shall we meet at ten in the small room? The function of it was error free.</a></div>\n", 4000)[:100<<10])
}

func BenchmarkAnswerEvents(b *testing.B) {
	h := provision(b, &Handler{})
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "text/event-stream")
		for b.Loop() {
			_, _ = io.WriteString(w, `data: {"id":"01J0ZK3W9T","text":"Shall we meet at ten in the small room?"}`+"\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				b.Fatal(err)
			}
		}
		return nil
	})
	if err := h.ServeHTTP(httptest.NewRecorder(), request("GET", "/", "", ""), next); err != nil {
		b.Fatal(err)
	}
}

// benchmarkAnswer measures an answer without the inspection of its request.
func benchmarkAnswer(b *testing.B, contentType, body string) {
	h := provision(b, &Handler{})
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", contentType)
		_, err := io.WriteString(w, body)
		return err
	})
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r, rc := reqctx.Ensure(request("GET", "/api/rooms/general/messages?limit=50&before=01J0ZK3W9T", "", ""))
		w := httptest.NewRecorder()
		if err := h.respond(w, r, rc, new(exchange), next); err != nil || w.Code != 200 || w.Body.Len() != len(body) {
			b.Fatal(err, w.Code)
		}
	}
}
