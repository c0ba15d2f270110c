package waf

import (
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3/experimental"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// coreMatches asks the rules themselves: the ids of the response rules that report the text.
func coreMatches(t testing.TB, set *ruleSet, text []byte) []int {
	t.Helper()
	h := new(Handler)
	r := request("GET", "/", "", "")
	tx := set.begin(experimental.Options{Context: r.Context()})
	defer set.end(tx)
	h.head(tx, r, new(reqctx.Request))
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Fatal(err)
	}
	tx.AddResponseHeader("Content-Type", "text/html")
	tx.ProcessResponseHeaders(200, "HTTP/1.1")
	if _, _, err := tx.WriteResponseBody(text); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ProcessResponseBody(); err != nil {
		t.Fatal(err)
	}
	var f finding
	f.add(tx)
	return slices.DeleteFunc(f.rules, func(id int) bool { return id >= 959000 })
}

func responseSet(t testing.TB, level int) *ruleSet {
	t.Helper()
	h := &Handler{Paranoia: level}
	h.defaults()
	set, _, err := compile(h.responseDirectives("RESPONSE-*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.release() })
	return set
}

// FuzzLeakScreen holds the screen to the rules: what one of them reports is never clean.
func FuzzLeakScreen(f *testing.F) {
	var sets [5]*ruleSet
	for _, level := range []int{1, 2} {
		sets[level] = responseSet(f, level)
	}
	for _, c := range leaks {
		f.Add([]byte(c.body))
		f.Add([]byte("<p>" + strings.ToUpper(c.body) + "</p>"))
	}
	for _, text := range []string{
		"Exception x\ny Informix", "Warning x sqlite_open", "mysql_fetch_array()", "Warning: pg_connect", "Sybase Server message", "<?= $x", "fopen(", "$_POST", "<%= x", "#{x}", "Invalid date",
		"\u212anown ora-00001: \u017fql", "Server Error in '/x' Application", "at\norg.x", "driver sql server",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, level := range []int{1, 2} {
			s, err := leakScreen(level)
			if err != nil {
				t.Fatal(err)
			}
			if s.Suspicious(text) {
				continue
			}
			if ids := coreMatches(t, sets[level], text); len(ids) > 0 {
				t.Errorf("level %d: %q is clean to the screen, and rules report it: %v", level, text, ids)
			}
		}
	})
}

// Every phrase, and every literal of an expression: the rules' data is the best corpus of what they look for.
func TestTheScreenKnowsEveryPhrase(t *testing.T) {
	s, err := leakScreen(2)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, data := range []string{"asp-dotnet-errors", "iis-errors", "php-errors", "ruby-errors", "web-shells-php", "web-shells-asp"} {
		r, err := condition("pmFromFile", data+".data")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Phrases {
			n++
			if !s.Suspicious([]byte("<p>" + strings.ToUpper(p) + "</p>")) {
				t.Errorf("%s: %q is clean", data, p)
			}
		}
	}
	if n < 1500 {
		t.Errorf("%d phrases", n)
	}
}

// A rules file that raises the level has the screen look for what the higher levels report.
func TestTheScreenFollowsTheParanoiaLevel(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/local.conf", "SecAction \"id:1006,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=2,setvar:tx.detection_paranoia_level=2\"\n")
	text := "<p><%= user.name %></p>" // 956110, of level 2
	for _, c := range []struct {
		h      *Handler
		status int
	}{{&Handler{}, 200}, {&Handler{Paranoia: 2}, 502}, {&Handler{RulesFiles: []string{dir + "/local.conf"}}, 502}} {
		s := serveAnswers(t, provision(t, c.h), say("text/html", text))
		if resp, _, _ := s.get(t, "GET"); resp.StatusCode != c.status {
			t.Errorf("%+v: status %d", c.h, resp.StatusCode)
		}
	}
}

// Ordinary texts are clean, or the screen saves nothing.
func TestOrdinaryTextsAreClean(t *testing.T) {
	s, err := leakScreen(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"id":"01J0ZK3W9T","room":"general","author":"ursula","text":"Shall we meet at ten in the small room? At noon."}`,
		`<?xml version="1.0"?><a>the function of the exception</a>`,
		"<!DOCTYPE html>\n<html><head><title>Chat</title></head><body>Warning: the driver of the bus takes a break. java, at a company, an error, my SQL notes.</body></html>",
	} {
		if s.Suspicious([]byte(text)) {
			t.Errorf("suspicious: %s", text)
		}
	}
}

func BenchmarkLeakScreen(b *testing.B) {
	s, err := leakScreen(1)
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(strings.Repeat("<div class=\"row item\"><a href=\"/rooms/general?x=1\">Shall we meet at ten in the small room? The function of it was error free.</a></div>\n", 1000)[:100<<10])
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if s.Suspicious(text) {
			b.Fatal("suspicious")
		}
	}
}
