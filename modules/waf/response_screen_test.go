package waf

import (
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/waf/screen"
)

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

// clean asks the screen about an answer to a harmless request.
func clean200(t testing.TB, h *Handler, body string) bool {
	t.Helper()
	r := request("GET", "/", "", "")
	e, res := h.rules.screen.Request(&screen.Request{Method: r.Method, URI: requestURI(r), Proto: r.Proto, Header: told(r, nil)})
	if !res.Clean {
		t.Fatalf("the request is not clean: %v", res.Named)
	}
	return e.Response(&screen.Answer{Status: "200", Body: body, Header: func(yield func(name, value string) bool) { yield("Content-Type", "text/html") }}).Clean
}

// Ordinary texts are clean, or the screen saves nothing; leaks are not.
func TestOrdinaryTextsAreClean(t *testing.T) {
	h := provision(t, &Handler{})
	for _, text := range []string{
		`{"id":"01J0ZK3W9T","room":"general","author":"ursula","text":"Shall we meet at ten in the small room? At noon."}`,
		`<?xml version="1.0"?><a>the function of the exception</a>`,
		"<!DOCTYPE html>\n<html><head><title>Chat</title></head><body>Warning: the driver of the bus takes a break. java, at a company, an error, my SQL notes.</body></html>",
	} {
		if !clean200(t, h, text) {
			t.Errorf("suspicious: %s", text)
		}
	}
	for _, c := range leaks {
		if clean200(t, h, c.body) {
			t.Errorf("clean: %s", c.name)
		}
	}
}

func BenchmarkResponseScreen(b *testing.B) {
	h := provision(b, &Handler{})
	text := strings.Repeat("<div class=\"row item\"><a href=\"/rooms/general?x=1\">Shall we meet at ten in the small room? The function of it was error free.</a></div>\n", 1000)[:100<<10]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !clean200(b, h, text) {
			b.Fatal("suspicious")
		}
	}
}
