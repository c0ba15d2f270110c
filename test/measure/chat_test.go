package main

import (
	"testing"

	"github.com/convosphere/gateway/test/attacks"
	"github.com/convosphere/gateway/test/kit"
)

// What the Core Rule Set alone refuses in the text of a chat message it refuses with the chat's profile, too: every text of its own tests.
func TestTheChatProfileLosesNoAttack(t *testing.T) {
	payloads, err := attacks.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(payloads) < 4000 {
		t.Fatalf("the suite gives %d texts: they are not read as they should be", len(payloads))
	}
	before := startGateway(t, "crs", "").send(t, messagesOf(payloads))
	after := startGateway(t, "chat", "rules_file "+profile(kit.Root(t))).send(t, messagesOf(payloads))
	if refused(before) < 2500 {
		t.Errorf("of %d attacks the Core Rule Set alone refuses %d", len(payloads), refused(before))
	}
	for _, l := range lost(payloads, before, after) {
		t.Errorf("lost: %s", l)
	}
}

// The profile lifts rules from prose, and from nothing that a shell or a database would take for more.
func TestTheChatProfileLiftsRulesFromProseAlone(t *testing.T) {
	cases := []struct {
		text  string
		alone bool // refused by the Core Rule Set
		chat  bool // refused with the profile
	}{
		{"It was the first time they had to find a way home.", true, false},
		{"Yes, I'm in!\nWhat time shall we split the bill?", true, false},
		{"I'm not going back\" --", true, false},
		{"time find / -name id_rsa", true, true},
		{"It is late; time find a file", true, true},
		{"It is late\ntime find a file", true, true},
		{"It is $(time find a file)", true, true},
		{"It is `time find a file`", true, true},
		{"It is late && time find a file", true, true},
		{"It is the time find -exec sh", true, true},
		{"admin\" --", true, true},
		{"I or 1=1\" --", true, true},
		{"Hello <script>alert(1)</script>, what time is it?", true, true},
	}
	var all []request
	for _, c := range cases {
		all = append(all, message(c.text))
	}
	before := startGateway(t, "crs", "").send(t, all)
	g := startGateway(t, "chat", "rules_file "+profile(kit.Root(t)))
	for i, a := range g.send(t, all) {
		if before[i].refused() != cases[i].alone || a.refused() != cases[i].chat {
			t.Errorf("%q: refused by the CRS alone %v %v, want %v; with the profile %v %v, want %v",
				cases[i].text, before[i].refused(), before[i].rules, cases[i].alone, a.refused(), a.rules, cases[i].chat)
		}
	}
	const prose, attack = `It was the first time they had to find a way home.`, `time find / -name id_rsa`
	for _, r := range []request{
		{method: "POST", target: "/api/rooms/general/messages", body: `{"text":"` + prose + `","text":"` + attack + `"}`},
		{method: "POST", target: "/api/rooms/general/messages", body: `{"text":"` + attack + `","text":"` + prose + `"}`},
		{method: "POST", target: "/api/rooms/general/messages", body: `{"text":"` + prose + `","Text":"` + attack + `"}`},
		{method: "POST", target: "/api/rooms/general/messages?json.text=time+find+a+file", body: `{"text":"` + prose + `"}`},
		{method: "POST", target: "/api/rooms/general/members", body: `{"text":"` + prose + `"}`},
		{method: "POST", target: "/api/rooms/general/messages", body: `{"note":"` + prose + `"}`},
	} {
		r.contentType = "application/json"
		if a := g.send(t, []request{r})[0]; !a.refused() {
			t.Errorf("%s %s is passed on", r.target, r.body)
		}
	}
}

// Each payload goes through each encoder into each placeholder, as the sets say.
func TestReadingASet(t *testing.T) {
	s, err := readSet([]byte("payload:\n  - <a>\n  - \"b c\"\nencoder:\n  - Plain\n  - URL\nplaceholder:\n  - URLParam\n  - JSONRequest\n  - gRPC\n" +
		"  - RawRequest:\n      method: CUST\n      path: /x\n      headers:\n        X-A: 1{{payload}}\n      body: 2{{payload}}\ntype: t\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.requests) != 12 || s.skipped != 4 {
		t.Fatalf("%d requests, %d skipped, want 12 and 4", len(s.requests), s.skipped)
	}
	if got := s.requests[3].target; got != "/?"+name+"=b+c" {
		t.Errorf("URLParam of URL: %s", got)
	}
	if got := s.requests[4].body; got != `{"test":true, "`+name+`": "\u003c\u0061\u003e"}` {
		t.Errorf("JSONRequest: %s", got)
	}
	if r := s.requests[8]; r.method != "CUST" || r.header["X-A"] != "1<a>" || r.body != "2<a>" {
		t.Errorf("RawRequest: %+v", r)
	}
	if _, err := readSet([]byte("payload: [a]\nencoder: [Morse]\nplaceholder: [URLParam]\n")); err == nil {
		t.Error("an unknown encoder is taken")
	}
}

// Tokens are joined as people write.
func TestWritingSentences(t *testing.T) {
	s := parse("\tHe/pps said/vbd ,/, ``/`` No/rb ''/'' ;/. ;/. then/rb (/( I/ppss think/vb )/) and\\/or/cc $5/nns ?/. ?/.\n")
	if want := `He said, "No"; then (I think) and\/or $5?`; s.written != want {
		t.Errorf("%q, want %q", s.written, want)
	}
	if want := "He said , `` No '' ; ; then ( I think ) and\\/or $5 ? ?"; s.tokens != want {
		t.Errorf("%q, want %q", s.tokens, want)
	}
}
