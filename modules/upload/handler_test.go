package upload

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/clamav"
)

func TestWhatIsNoUploadPassesUntouched(t *testing.T) {
	h := provision(t, &Handler{Scanner: &Scanner{Address: daemon.TCP}})
	eicar := string(clamav.EICAR()) // others look at messages
	for _, kind := range []string{"application/json", "Application/JSON; charset=utf-8", "application/problem+json", "application/x-www-form-urlencoded", "text/plain",
		"text/xml", "application/soap+xml", "application/grpc", "application/grpc+proto"} {
		r := post(kind, eicar)
		r.ContentLength = -1
		o := do(t, h, r)
		if !o.reached || o.body != eicar || o.length != -1 {
			t.Errorf("%s: %+v", kind, o)
		}
	}
	if o := do(t, h, httptest.NewRequest(http.MethodGet, "/files", http.NoBody)); !o.reached {
		t.Errorf("no body: %+v", o)
	}
}

func TestCleanUploadsPassAsTheyCame(t *testing.T) {
	h := provision(t, &Handler{Scanner: &Scanner{Address: daemon.Unix}})
	kind, form := formOf(t, part{"text", "", "", "grüße"}, part{"file", "a.png", "image/png", picture}, part{"more", "notes.txt", "text/plain", "some notes"})
	for _, c := range []struct{ kind, body string }{
		{"image/png", picture}, {"application/octet-stream", strings.Repeat("long text\n", 50_000)}, {"", "some text"}, {kind, form},
	} {
		for _, chunked := range []bool{false, true} {
			r := post(c.kind, c.body)
			if chunked {
				r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
				r.Trailer = http.Header{"X-Late": nil}
			}
			o := do(t, h, r)
			if !o.reached || o.body != c.body || o.length != int64(len(c.body)) || o.trailer != nil {
				t.Errorf("%q chunked %t: %d %v, %d bytes of %d, length %d, trailers %v", c.kind, chunked, o.status, o.findings, len(o.body), len(c.body), o.length, o.trailer)
			}
		}
	}
}

// Each is refused, with a finding that says why, in fixed words.
func TestAttacks(t *testing.T) {
	h := provision(t, &Handler{Rules: Rules{MaxSize: 1 << 20, MaxFile: 100 << 10, MaxFiles: 2, MaxFields: 2, MaxField: 100}, Scanner: &Scanner{Address: daemon.TCP}})
	eicar := string(clamav.EICAR())
	text := part{"text", "", "", "hello"}
	for name, c := range map[string]struct {
		parts   []part
		kind    string // of a raw body, where there are no parts
		body    string
		status  int
		finding string
		file    int
	}{
		"EICAR":                           {kind: "application/octet-stream", body: eicar, status: 422, finding: malware, file: 1},
		"EICAR zipped":                    {kind: "application/zip", body: zipped(t, "a.txt", eicar), status: 422, finding: malware, file: 1},
		"EICAR nested":                    {kind: "application/zip", body: zipped(t, "b.zip", zipped(t, "a.txt", eicar)), status: 422, finding: malware, file: 1},
		"EICAR without a type":            {body: eicar, status: 422, finding: malware, file: 1},
		"EICAR in a form":                 {parts: []part{text, {"f", "a.png", "image/png", picture}, {"f", "b.txt", "text/plain", eicar}}, status: 422, finding: malware, file: 2},
		"EICAR as a field of a type":      {parts: []part{{"f", "", "application/octet-stream", eicar}}, status: 422, finding: malware, file: 1},
		"a name of another type":          {parts: []part{{"f", "a.png", "image/png", "%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"}}, status: 415, finding: "name-type", file: 1},
		"a program":                       {kind: "application/octet-stream", body: program, status: 422, finding: "executable", file: 1},
		"a page":                          {parts: []part{{"f", "a.html", "text/html", "<!doctype html><script>alert(1)</script>"}}, status: 422, finding: "active", file: 1},
		"too long a body":                 {kind: "image/png", body: strings.Repeat("x", 1<<20+1), status: 413, finding: tooLarge},
		"too long a file":                 {parts: []part{{"f", "a.txt", "", strings.Repeat("x", 100<<10+1)}}, status: 413, finding: tooLarge, file: 1},
		"too many files":                  {parts: []part{{"f", "a.txt", "", "a"}, {"f", "b.txt", "", "b"}, {"f", "c.txt", "", "c"}}, status: 413, finding: tooMany},
		"too many fields":                 {parts: []part{text, text, text}, status: 413, finding: tooMany},
		"too long a field":                {parts: []part{{"text", "", "", strings.Repeat("x", 101)}}, status: 413, finding: tooLarge},
		"a field that is no text":         {parts: []part{{"text", "", "", "\x7fELF\x00\x01"}}, status: 422, finding: binaryText},
		"a field that is no UTF-8":        {parts: []part{{"text", "", "", "gr\xfc\xdfe"}}, status: 422, finding: binaryText},
		"another multipart":               {kind: "multipart/mixed; boundary=x", body: "--x\r\n\r\nhello\r\n--x--\r\n", status: 415, finding: notForm},
		"a form without a boundary":       {kind: "multipart/form-data", body: "--x--", status: 422, finding: badForm},
		"two boundaries":                  {kind: "multipart/form-data; boundary=a; boundary=b", body: "--a--", status: 422, finding: badForm},
		"a form of line feeds":            {kind: "multipart/form-data; boundary=x", body: "--x\nContent-Disposition: form-data; name=a\n\nb\n--x--\n", status: 422, finding: badForm},
		"a form that ends early":          {kind: "multipart/form-data; boundary=x", body: "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb", status: 422, finding: badForm},
		"a piece of a resumable upload":   {kind: "application/offset+octet-stream", body: "x", status: 415, finding: partial},
		"a type that can't be read":       {kind: "image/png; =", body: picture, status: 415, finding: badType},
		"a message that is also a form":   {kind: "application/json, multipart/form-data; boundary=x", body: "--x--", status: 415, finding: badType},
		"a folder's name in a file's":     {parts: []part{{"f", "../../etc/passwd", "text/plain", "x"}}, status: 422, finding: "name", file: 1},
		"a page that is declared as text": {parts: []part{{"f", "a.txt", "text/plain", "<!doctype html><script>alert(1)</script>"}}, status: 422, finding: "active", file: 1},
	} {
		kind, body := c.kind, c.body
		if c.parts != nil {
			kind, body = formOf(t, c.parts...)
		}
		o := do(t, h, post(kind, body))
		if o.reached || o.status != c.status || !slices.Contains(o.findings, c.finding) || o.file != c.file {
			t.Errorf("%s: got %d %v of file %d, reached %t; want %d %s of file %d", name, o.status, o.findings, o.file, o.reached, c.status, c.finding, c.file)
		}
		if strings.Contains(o.answer, clamav.Signature) {
			t.Errorf("%s: the answer tells the signature", name)
		}
		if o.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v", name, o.header)
		}
	}
}

func TestDeclarationsOfTheWholeBody(t *testing.T) {
	h := provision(t, new(Handler))
	for name, c := range map[string]struct {
		change  func(*http.Request)
		finding string
	}{
		"compressed":       {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, encoded},
		"twice compressed": {func(r *http.Request) { r.Header["Content-Encoding"] = []string{"identity", "br"} }, encoded},
		"a range":          {func(r *http.Request) { r.Header.Set("Content-Range", "bytes 0-9/100") }, partial},
		"two types":        {func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }, badType},
	} {
		r := post("image/png", picture)
		c.change(r)
		if o := do(t, h, r); o.reached || o.status != http.StatusUnsupportedMediaType || !slices.Equal(o.findings, []string{c.finding}) {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestRoutesHaveTheirOwnRules(t *testing.T) {
	h := provision(t, &Handler{Rules: Rules{Types: []string{"image/*"}}, Routes: []*Route{
		{Methods: []string{"PUT"}, Path: "/raw/{name}", Raw: true, Rules: Rules{Types: []string{"text/plain"}, MaxSize: 10}},
		{Path: "/off/{rest...}", Off: true},
		{Path: "/tus/{id}", Rules: Rules{Allow: []string{partial}, Types: []string{"text/plain"}}},
	}})
	for _, c := range []struct {
		method, target, kind, body string
		status                     int
	}{
		{"POST", "/files", "image/png", picture, 200},
		{"POST", "/files", "text/plain", "no upload", 200},
		{"POST", "/files", "application/octet-stream", "text", 415},
		{"PUT", "/raw/a", "text/plain", "text", 200},
		{"PUT", "/raw/a", "application/json", picture, 413},
		{"PUT", "/raw/a", "text/html", "longer than it may be", 413},
		{"POST", "/raw/a", "text/plain", "another method, so no upload", 200},
		{"PUT", "/RAW/a", "text/plain", "some servers take it for the route", 415},
		{"PUT", "/x/../raw/a", "text/plain", "others this", 415},
		{"POST", "/off/a/b", "application/octet-stream", "text", 200},
		{"PATCH", "/tus/1", "application/offset+octet-stream", "piece", 200},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		if o := do(t, h, r); o.status != c.status {
			t.Errorf("%s %s %s: %d %v, want %d", c.method, c.target, c.kind, o.status, o.findings, c.status)
		}
	}
}

func TestAllowAndRefuse(t *testing.T) {
	h := provision(t, &Handler{Rules: Rules{Allow: []string{"active", "name-type", "declared-type"}, Refuse: []string{"trailing"}}})
	if o := do(t, h, post("application/octet-stream", "<!doctype html><p>hello")); !o.reached {
		t.Errorf("what is allowed: %+v", o)
	}
}

func TestModeReportPassesEverything(t *testing.T) {
	h := provision(t, &Handler{Mode: Report, Rules: Rules{MaxSize: 200}, Scanner: &Scanner{Address: "unix:///nobody/listens"}})
	for name, r := range map[string]*http.Request{
		"found":        post("application/octet-stream", program),
		"not scanned":  post("application/octet-stream", "hello"),
		"too long":     post("application/octet-stream", strings.Repeat("0123456789", 10_000)),
		"bad form":     post("multipart/form-data; boundary=x", "hello"),
		"bad boundary": post("multipart/form-data", "hello"),
	} {
		want, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(want)))
		if o := do(t, h, r); !o.reached || o.body != string(want) {
			t.Errorf("%s: %d %v, %d bytes of %d", name, o.status, o.findings, len(o.body), len(want))
		}
		if name != "too long" {
			continue
		}
		r = post("application/octet-stream", string(want))
		r.ContentLength = -1
		if o := do(t, h, r); !o.reached || o.body != string(want) || o.length != -1 {
			t.Errorf("%s, chunked: %d %v, %d bytes of %d, length %d", name, o.status, o.findings, len(o.body), len(want), o.length)
		}
	}
}

func TestModeOffLooksAtNothing(t *testing.T) {
	h := provision(t, &Handler{Mode: Off, Scanner: &Scanner{Address: daemon.TCP}})
	if o := do(t, h, post("", string(clamav.EICAR()))); !o.reached || o.length != 68 {
		t.Errorf("%+v", o)
	}
}

func TestAScannerThatIsGone(t *testing.T) {
	for failure, passes := range map[string]bool{"": false, Closed: false, Open: true} {
		h := provision(t, &Handler{Scanner: &Scanner{Address: "unix:///nobody/listens", OnFailure: failure}})
		o := do(t, h, post("application/octet-stream", "hello"))
		if o.reached != passes || !passes && (o.status != http.StatusServiceUnavailable || o.header.Get("Retry-After") == "") {
			t.Errorf("%q: %+v", failure, o)
		}
		// What inspection refuses is refused, whatever the scanner does.
		if o := do(t, h, post("application/octet-stream", program)); o.reached || o.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %+v", failure, o)
		}
	}
}

func TestWhatTheScannerDoesNotTakeIsRefused(t *testing.T) {
	h := provision(t, &Handler{Scanner: &Scanner{Address: daemon.TCP, MaxFile: 1 << 20}})
	body := strings.Repeat("0123456789", 200_000)
	if o := do(t, h, post("application/octet-stream", body)); o.reached || o.status != http.StatusRequestEntityTooLarge || !slices.Equal(o.findings, []string{unscanned}) {
		t.Errorf("%+v", o)
	}
	h = provision(t, &Handler{Rules: Rules{Allow: []string{unscanned}}, Scanner: &Scanner{Address: daemon.TCP, MaxFile: 1 << 20}})
	if o := do(t, h, post("application/octet-stream", body)); !o.reached || o.length != int64(len(body)) {
		t.Errorf("by choice: %d %v", o.status, o.findings)
	}
}

func TestNoRoom(t *testing.T) {
	h := provision(t, &Handler{Spool: &Spool{Free: 1 << 60}})
	if o := do(t, h, post("application/octet-stream", strings.Repeat("x", 1<<20))); o.status != http.StatusServiceUnavailable || o.header.Get("Retry-After") == "" {
		t.Errorf("%+v", o)
	}
}

// breaking ends a body early, as clients do that go away.
type breaking struct{ left int }

func (b *breaking) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

func TestABodyThatBreaksOffNeverReachesTheBackEnd(t *testing.T) {
	h := provision(t, new(Handler))
	for _, left := range []int{0, 1, 100_000} {
		r := post("application/octet-stream", "x")
		r.Body, r.ContentLength = io.NopCloser(&breaking{left}), 200_000
		if o := do(t, h, r); o.reached || o.status != http.StatusBadRequest {
			t.Errorf("after %d bytes: %+v", left, o)
		}
	}
}

// What a transport reads after the request has ended is nobody's.
func TestTheBodyEndsWithTheRequest(t *testing.T) {
	h := provision(t, new(Handler))
	r := post("application/octet-stream", "hello")
	var late io.Reader
	if err := h.ServeHTTP(httptest.NewRecorder(), r, nextFunc(func(_ http.ResponseWriter, r *http.Request) error {
		late = r.Body
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(late); len(b) > 0 || err == nil {
		t.Errorf("%q, %v", b, err)
	}
}

type nextFunc func(http.ResponseWriter, *http.Request) error

func (f nextFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) error { return f(w, r) }

func TestTextIsToldAcrossReads(t *testing.T) {
	h := provision(t, new(Handler))
	for n := range 8 {
		kind, body := formOf(t, part{"text", "", "", strings.Repeat("x", 32<<10-n) + "ü€😀"})
		if o := do(t, h, post(kind, body)); !o.reached {
			t.Errorf("%d: %v", n, o.findings)
		}
		kind, body = formOf(t, part{"text", "", "", strings.Repeat("x", 32<<10-n) + "\xf0\x9f\x98"})
		if o := do(t, h, post(kind, body)); o.reached {
			t.Errorf("%d: half a sign passes", n)
		}
	}
}

func TestConfigurationsThatCanNotBe(t *testing.T) {
	for want, h := range map[string]*Handler{
		"mode":          {Mode: "loud"},
		"sockets":       {Sockets: "some"},
		"no finding":    {Rules: Rules{Allow: []string{"everything"}}},
		"at once":       {Rules: Rules{Allow: []string{"active"}, Refuse: []string{"active"}}},
		"allow malware": {Rules: Rules{Allow: []string{malware}}},
		"no type":       {Rules: Rules{Types: []string{"png"}}},
		"max_files":     {Rules: Rules{MaxFiles: -1}},
		"scanner":       {Scanner: &Scanner{Address: "localhost"}},
		"on_failure":    {Scanner: &Scanner{Address: "unix:///x", OnFailure: "maybe"}},
		"quarantine":    {Quarantine: &Quarantine{Keep: 1}},
		"told apart":    {Routes: []*Route{{Path: "/a/{b}"}, {Path: "/a/{c}"}}},
		"raw and off":   {Routes: []*Route{{Path: "/a", Raw: true, Off: true}}},
		"raise it":      {Rules: Rules{MaxSize: 3 << 30}},
		"spool":         {Spool: &Spool{Quota: 1}},
	} {
		if err := h.settle(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := (&Handler{Mode: Off, Rules: Rules{MaxSize: 5}}).settle(); err != nil {
		t.Error(err)
	}
}
