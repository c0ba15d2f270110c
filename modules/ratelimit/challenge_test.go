package ratelimit

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestProgramsAreChallenged(t *testing.T) {
	w := watch(t, "challenge {\n work 8\n}")
	if rec := w.send("GET", "/a", suspect, ""); rec.Code != http.StatusNoContent {
		t.Fatalf("before anything happened: %d", rec.Code)
	}
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	rec := w.send("POST", "/a", suspect, "{}", "Content-Type", "application/json")
	p := puzzle(t, rec)
	if p.Header != answerHeader || p.URL != challenge.Path || w.seen != nil {
		t.Errorf("%+v", p)
	}
	if rec := w.send("GET", "/a", "192.0.2.67", ""); rec.Code != http.StatusNoContent {
		t.Errorf("a neighbour: %d", rec.Code)
	}
	answer := solve(t, p)
	if rec := w.send("POST", "/a", "192.0.2.67", "", answerHeader, answer); rec.Code != http.StatusNoContent || w.seen.Header.Get(answerHeader) != "" {
		t.Errorf("an answer of somebody who was not asked: %d, %v", rec.Code, w.seen.Header)
	}
	// The answer with the request that it was set for: what was asked for happens, and a clearance for what follows.
	rec = w.send("POST", "/a", suspect, "{}", answerHeader, answer)
	if rec.Code != http.StatusNoContent || w.seen.Header.Get(answerHeader) != "" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	clearance := rec.Header().Get(clearanceHeader)
	if clearance == "" {
		t.Fatalf("no clearance: %v", rec.Header())
	}
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack) // its score was halved; now it is where it was
	rec = w.send("GET", "/b", suspect, "", clearanceHeader, clearance)
	if rec.Code != http.StatusNoContent || w.seen.Header.Get(clearanceHeader) != "" {
		t.Errorf("with the clearance: %d", rec.Code)
	}
	for name, headers := range map[string][]string{
		"none":            nil,
		"the same answer": {answerHeader, answer},
		"another browser": {clearanceHeader, clearance, "User-Agent", "x"},
		"a made up one":   {clearanceHeader, strings.Repeat("A", len(clearance))},
		"an empty one":    {clearanceHeader, ""},
	} {
		if rec := w.send("GET", "/b", suspect, "", headers...); rec.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	w.table.Note(netip.MustParseAddr("192.0.2.99"), abuse.Attack)
	if rec := w.send("GET", "/b", "192.0.2.99", "", clearanceHeader, clearance); rec.Code != http.StatusForbidden {
		t.Errorf("another client's clearance: %d", rec.Code)
	}
}

var navigation = []string{"Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none"}

func TestBrowsersGetAPageThatSolvesIt(t *testing.T) {
	w := watch(t, "challenge {\n work 8\n wait 1s\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	rec := w.send("GET", "/rooms?a=<b>", suspect, "", navigation...)
	body := rec.Body.String()
	if rec.Code != http.StatusForbidden || !strings.Contains(rec.Header().Get("Content-Type"), "text/html") || rec.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"} {
		if !strings.Contains(rec.Header().Get("Content-Security-Policy"), want) {
			t.Errorf("its policy lacks %s", want)
		}
	}
	if strings.Contains(body, "<b>") {
		t.Error("what the address holds is markup")
	}
	var p challenge.Puzzle
	if err := json.Unmarshal([]byte(regexp.MustCompile(`id="puzzle">(.*?)</script>`).FindStringSubmatch(body)[1]), &p); err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile(`src="([^"]+/page\.js)"`).FindStringSubmatch(body)[1]
	for _, at := range []string{script, strings.Replace(script, "page.js", "work.js", 1), strings.Replace(script, "page.js", "worker.js", 1)} {
		if rec := w.send("GET", at, suspect, ""); rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/javascript") || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", at, rec.Code, rec.Header())
		}
	}
	answer, err := json.Marshal(map[string]string{"answer": solve(t, p)})
	if err != nil {
		t.Fatal(err)
	}
	rec = w.send("POST", challenge.Path, suspect, string(answer), "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	cookies := rec.Result().Cookies()
	if rec.Code != http.StatusOK || len(cookies) != 1 || strings.Contains(rec.Body.String(), cookies[0].Value) || rec.Header().Get(clearanceHeader) != "" {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	k := cookies[0]
	if k.Name != "__Host-gw_clearance" || !k.HttpOnly || !k.Secure || k.Path != "/" || k.Domain != "" || k.SameSite != http.SameSiteLaxMode || k.MaxAge != 1800 {
		t.Errorf("%+v", k)
	}
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	rec = w.send("GET", "/rooms", suspect, "", "Cookie", "a=1; "+k.Name+"="+k.Value+"; b=2", "Cookie", k.Name+"=x")
	if rec.Code != http.StatusNoContent || strings.Join(w.seen.Header["Cookie"], "|") != "a=1; b=2" {
		t.Errorf("%d, the back end sees %q", rec.Code, w.seen.Header["Cookie"])
	}
	if rec := w.send("GET", "/rooms", suspect, "", navigation...); rec.Code != http.StatusForbidden {
		t.Errorf("without the cookie: %d", rec.Code)
	}
	if rec := w.send("POST", "/rooms", suspect, "", append(navigation, "Referer", "https://example.com/form?x", "Accept-Language", "de")...); !strings.Contains(rec.Body.String(), `data-next="/form?x"`) ||
		!strings.Contains(rec.Body.String(), "sende es danach noch einmal") {
		t.Errorf("a form: %s", rec.Body)
	}
}

// hidden is a field of the page's form.
func hidden(t *testing.T, page, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no %s in %s", name, page)
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// A browser without script gets on by coming back later. Too early is said, and nothing is lost by it.
func TestWhoHasNoScriptWaits(t *testing.T) {
	w := watch(t, "challenge {\n wait 1s\n clearance 30m\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	page := w.send("GET", "/rooms?a=b&c=d", suspect, "", navigation...).Body.String()
	form := url.Values{"wait": {hidden(t, page, "wait")}, "next": {hidden(t, page, "next")}}
	post := func(f url.Values, headers ...string) *httptest.ResponseRecorder {
		return w.send("POST", challenge.Path, suspect, f.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, append(headers, navigation...)...)...)
	}
	rec := post(form)
	if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "too early") || hidden(t, rec.Body.String(), "wait") != form.Get("wait") || hidden(t, rec.Body.String(), "next") != "/rooms?a=b&c=d" {
		t.Fatalf("too early: %d %s", rec.Code, rec.Body)
	}
	desk := w.h.gatekeeper.desk
	later := challenge.NewDesk(w.h.ground.Keys.Derive("challenge"), w.h.ground.Store, func() time.Time { return time.Now().Add(2 * time.Second) })
	w.h.gatekeeper.desk = later
	rec = post(form)
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/rooms?a=b&c=d" || len(rec.Result().Cookies()) != 1 || rec.Result().Cookies()[0].MaxAge != 600 {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	k := rec.Result().Cookies()[0]
	if rec := w.send("GET", "/rooms", suspect, "", "Cookie", k.Name+"="+k.Value); rec.Code != http.StatusNoContent {
		t.Errorf("with the clearance: %d", rec.Code)
	}
	if rec := post(form); rec.Code != http.StatusForbidden {
		t.Errorf("one wait, twice: %d", rec.Code)
	}
	w.h.gatekeeper.desk = desk
	if rec := post(url.Values{"wait": {"x"}, "next": {"//evil.example"}}); rec.Code != http.StatusForbidden || strings.Contains(rec.Body.String(), "evil") {
		t.Errorf("made up: %d", rec.Code)
	}
}

func TestAnswersSentToTheAddress(t *testing.T) {
	w := watch(t, "challenge {\n work 8\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	before := w.table.Score(netip.MustParseAddr(suspect))
	p := puzzle(t, w.send("GET", challenge.Path, suspect, ""))
	const kind = "Content-Type"
	for name, c := range map[string]struct {
		body, kind string
		want       int
	}{
		"no JSON":        {"{", "application/json", 400},
		"a list":         {"[]", "application/json", 400},
		"twice":          {`{"answer":"a","answer":"b"}`, "application/json", 400},
		"nothing":        {"{}", "application/json", 422},
		"a number":       {`{"answer":1}`, "application/json", 422},
		"another kind":   {"x", "text/plain", 415},
		"no kind":        {"x", "", 415},
		"a long one":     {strings.Repeat(" ", 5000), "application/json", 413},
		"forged":         {`{"answer":"x"}`, "application/json", 403},
		"both":           {"answer=a&wait=b", "application/x-www-form-urlencoded", 422},
		"a bad escape":   {"answer=%zz", "application/x-www-form-urlencoded", 400},
		"not one of us":  {`{"answer":"` + p.Token + `.1.2.3"}`, "application/json", 403},
		"only the token": {`{"answer":"` + p.Token + `"}`, "application/json", 403},
	} {
		if rec := w.send("POST", challenge.Path, suspect, c.body, kind, c.kind); rec.Code != c.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if after := w.table.Score(netip.MustParseAddr(suspect)); after <= before {
		t.Errorf("wrong answers cost nothing: %g, then %g", before, after)
	}
	rec := w.send("POST", challenge.Path, suspect, `{"answer":"`+solve(t, p)+`"}`, kind, "application/json")
	var out struct {
		Clearance string
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || rec.Code != http.StatusOK || out.Clearance == "" || out.ExpiresIn != 1800 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec := w.send("GET", challenge.Path, "192.0.2.67", ""); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/" {
		t.Errorf("who is not challenged: %d", rec.Code)
	}
	for path, want := range map[string]int{challenge.Path + "/x": 404, challenge.Path + "x": 204, challenge.Path + "/../../x": 404} {
		if rec := w.send("GET", path, "192.0.2.67", ""); rec.Code != want {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	if rec := w.send("DELETE", challenge.Path, suspect, ""); rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") == "" {
		t.Errorf("DELETE: %d", rec.Code)
	}
}

// Higher scores have more to do.
func TestHigherScoresSolveMore(t *testing.T) {
	w := watch(t, "challenge {\n work 10\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	first := puzzle(t, w.send("GET", "/", suspect, ""))
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	second := puzzle(t, w.send("GET", "/", suspect, ""))
	if first.Bits != 5 || second.Bits <= first.Bits {
		t.Errorf("%d bits, then %d", first.Bits, second.Bits)
	}
}

// A flood of challenged clients is refused by the zones like any other.
func TestChallengesAreLimited(t *testing.T) {
	w := watch(t, "zone all {\n rate 12/1h\n}") // a quarter of it for who is challenged
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	var got []int
	for range 5 {
		got = append(got, w.send("GET", challenge.Path, suspect, "").Code)
	}
	if got[2] != http.StatusForbidden || got[3] != http.StatusTooManyRequests || got[4] != http.StatusTooManyRequests {
		t.Errorf("%v", got)
	}
}

// A try that was not looked at does not count as a wrong one: who is challenged keeps nobody else out.
func TestChallengesCountAsTheirStatus(t *testing.T) {
	w := watch(t, "zone wrong {\n key global\n rate 1/1h\n count status 401\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	for range 3 {
		puzzle(t, w.send("POST", "/login", suspect, ""))
	}
	if rec := w.send("POST", "/login", "192.0.2.67", ""); rec.Code != http.StatusNoContent {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestChallengesThatCantBe(t *testing.T) {
	for _, raw := range []string{`{"challenge":{"work":5}}`, `{"challenge":{"work":27}}`, `{"challenge":{"clearance":7200000000000}}`, `{"challenge":{"wait":1}}`} {
		if _, unload, err := loadJSON(t, []byte(raw), nil); err == nil {
			unload()
			t.Errorf("%s loads", raw)
		}
	}
}

func TestChallengeOff(t *testing.T) {
	w := watch(t, "challenge off")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	rec := w.send("GET", "/", suspect, "", "Cookie", "__Host-gw_clearance=x", clearanceHeader, "x", answerHeader, "x")
	if rec.Code != http.StatusNoContent || len(w.seen.Header) != 0 {
		t.Errorf("%d, the back end sees %v", rec.Code, w.seen.Header)
	}
	if rec := w.send("GET", challenge.Path, suspect, ""); rec.Code != http.StatusNoContent {
		t.Errorf("the address is not the back end's: %d", rec.Code)
	}
}

// A socket's handshake is answered as a program is, whatever it accepts.
func TestHandshakesAreChallenged(t *testing.T) {
	w := watch(t, "challenge {\n work 8\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	puzzle(t, w.send("GET", "/ws", suspect, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
		"Accept", "text/html", "Sec-Fetch-Mode", "websocket"))
	puzzle(t, w.send("GET", "/ws", suspect, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
	if w.seen != nil {
		t.Error("it reached the back end")
	}
}

// A request that passes two handlers is asked once.
func TestTwoHandlersAskOnce(t *testing.T) {
	w := watch(t, "challenge {\n work 8\n}")
	w.table.Note(netip.MustParseAddr(suspect), abuse.Attack)
	answer := solve(t, puzzle(t, w.send("GET", "/", suspect, "")))
	r, rc := reqctx.Ensure(httptest.NewRequest("GET", "/", nil))
	r.Header.Set(answerHeader, answer)
	rc.Client.IP = netip.MustParseAddr(suspect)
	rec := httptest.NewRecorder()
	err := w.h.ServeHTTP(rec, r, caddyhttp.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) error {
		w.table.Note(rc.Client.IP, abuse.Attack)
		return w.h.ServeHTTP(rw, r, caddyhttp.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(rw, "inside")
			return err
		}))
	}))
	if err != nil || rec.Body.String() != "inside" {
		t.Errorf("%v %d %s", err, rec.Code, rec.Body)
	}
}

// Nothing that is sent to the address of answers breaks it, or leads to another site.
func FuzzReplies(f *testing.F) {
	for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
		for _, body := range []string{`{"answer":"a.1.2"}`, "wait=x&next=/a?b=c", "wait=x&next=//evil", "answer=x", "", "{}"} {
			f.Add(kind, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		in, status := parseReply(kind, body)
		if status == 0 && (in.answer == "") == (in.wait == "") {
			t.Errorf("%q is taken for a reply", body)
		}
		next := challenge.Local(in.next)
		u, err := url.Parse("https://site.example/x")
		if err != nil {
			t.Fatal(err)
		}
		to, err := u.Parse(next)
		if err != nil || to.Host != "site.example" || to.Scheme != "https" || strings.ContainsAny(next, "\r\n\t\\ ") {
			t.Errorf("%q leads to %q", in.next, next)
		}
	})
}
