package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// hit tells whether the event says that the rule matched, also among the matches.
func hit(e kit.Frame, rule float64) bool {
	ids, _ := e["rule.id"].([]any)
	matches, _ := e["gateway.waf.matches"].([]any)
	return slices.Contains(ids, any(rule)) && slices.ContainsFunc(matches, func(m any) bool {
		match, _ := m.(map[string]any)
		return match["rule"] == rule
	})
}

// event waits for the node's first event that is so.
func event(t *testing.T, n *kit.Node, what string, is func(kit.Frame) bool) (found kit.Frame) {
	t.Helper()
	kit.Eventually(t, 30*time.Second, "the event of "+what, func() bool {
		all := n.Events(t)
		i := slices.IndexFunc(all, is)
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// An attack in a message closes the socket, reaches nobody, and is recorded with its rules, over every version of HTTP.
func TestAttackInASocketMessage(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		peer := s.b.Client(t).Login(t, s.users["petra"]).Socket(t).Join(t, "general")
		c := s.as(t, "ursula")
		for _, version := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("HTTP/%d", version), func(t *testing.T) {
				over := c.Anonymous(t) // a client of its own: its sockets are opened as the version says
				over.User, over.Access = c.User, c.Access
				if version > 1 {
					over = over.Over(version)
				}
				mark := fmt.Sprintf("over %d %s", version, s.name)
				began := time.Now()
				sock := over.Socket(t).Join(t, "general")
				sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": "before " + mark})
				peer.ExpectText(t, "before "+mark)
				sock.Send(t, kit.Frame{"type": "message", "room": "general", "text": mark + attacks["sqli union"]})
				sock.WantClosed(t, websocket.StatusPolicyViolation, 5*time.Second)
				c.Post(t, "general", "after "+mark)
				peer.ExpectText(t, "after "+mark)
				for _, m := range peer.Received() {
					if strings.Contains(m, "UNION SELECT") {
						t.Errorf("it reached somebody: %s", m)
					}
				}
				e := event(t, s.a, "the socket", func(e kit.Frame) bool {
					at, err := time.Parse(time.RFC3339, e.Str("@timestamp"))
					return err == nil && at.After(began) && e.Str("event.action") == "websocket"
				})
				if !hit(e, 942100) || e["gateway.waf.blocked"] != true || e["gateway.waf.score.inbound"].(float64) < 5 || e["gateway.waf.paranoia.blocking"] != 1. {
					t.Errorf("recorded as %v", e)
				}
			})
		}
		for _, m := range c.Messages(t, "general") {
			if strings.Contains(m.Text, "UNION SELECT") {
				t.Errorf("it was kept: %s", m.Text)
			}
		}
	})
}

// An answer that leaks is not sent, and the event says why.
func TestLeakInAnAnswer(t *testing.T) {
	c := own.node.Client(t).Login(t, own.user)
	a := c.Call(t, "GET", "/leak", nil).Problem(t, http.StatusBadGateway)
	if strings.Contains(string(a.Body), "SQL") || a.Header.Get("X-Inside") != "" || !strings.Contains(string(a.Body), "response-blocked") {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	e := event(t, own.node, "the leak", func(e kit.Frame) bool { return e.Str("event.action") == "http-request" && e.Str("url.path") == "/leak" })
	if !hit(e, 951230) || e.Str("gateway.waf.response") != "withheld" || e.Str("event.outcome") != "failure" || e["gateway.waf.blocked"] != false ||
		e["http.response.status_code"] != 502. || e["gateway.waf.score.outbound"].(float64) < 4 || e["gateway.waf.paranoia.blocking"] != 1. {
		t.Errorf("recorded as %v", e)
	}
}

// wafCaddyfile is the own site's with lines for its gw_waf.
func wafCaddyfile(waf string) string {
	return strings.Replace(ownCaddyfile, "gw_secure\n", "gw_secure {\n\t\twaf {\n"+waf+"\n\t\t}\n\t}\n", 1)
}

// What `convosphere waf tune` proposes ends the false alarm of the events that it read, and nothing else.
func TestTunedExclusion(t *testing.T) {
	const falseAlarm, path = `I am not going back" --`, "/api/notes/tuned/lines"
	text := map[string]string{"text": falseAlarm}
	var people []*kit.Client
	for _, name := range []string{"tina", "theo"} {
		people = append(people, own.node.Client(t).Login(t, addUser(t, own.cli, name, "user")))
	}
	for range 2 {
		for _, c := range people {
			c.Call(t, "POST", path, text).Want(t, http.StatusForbidden)
		}
	}
	var proposal string
	kit.Eventually(t, 30*time.Second, "a proposal", func() bool {
		code, out := own.node.Exec(t, "", "waf", "tune", "--min-hits", "4", filepath.Join(own.node.Data, "events"))
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, path) {
				proposal = strings.TrimSpace(line)
			}
		}
		return code == 3 && proposal != ""
	})
	if proposal != "exclude 942100 on ARGS:text at "+path {
		t.Errorf("proposed: %s", proposal)
	}
	defer own.node.Load(t, ownCaddyfile).Want(t, http.StatusOK)
	own.node.Load(t, wafCaddyfile(proposal)).Want(t, http.StatusOK)
	c := people[0]
	c.Call(t, "POST", path, text).Want(t, http.StatusOK)
	for name, a := range map[string]struct {
		path string
		body any
	}{
		"another field":  {path, map[string]string{"title": falseAlarm}},
		"another path":   {"/api/notes/other/lines", text},
		"a part of it":   {path + "/1", text},
		"other rules":    {path, map[string]string{"text": attacks["sqli union"]}},
		"another attack": {path, map[string]string{"text": attacks["xss script"]}},
	} {
		if got := c.Call(t, "POST", a.path, a.body).Status; got != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", name, got)
		}
	}
}

// loads are the lines of the log that tell of rules, since the mark.
func loads(t *testing.T, log string) (reused []bool) {
	t.Helper()
	for line := range strings.Lines(log) {
		var l struct {
			Msg    string
			Reused bool
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "rules loaded" {
			reused = append(reused, l.Reused)
		}
	}
	return reused
}

// An edited rules file takes effect at the next reload, one that is wrong leaves the running rules alone, and what was not edited is not compiled again.
func TestEditedRulesFile(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "words.conf")
	edit := func(word string) {
		t.Helper()
		text := "# words\nSecRule ARGS:word \"@streq " + word + "\" \"id:10500,phase:2,deny,status:403,log,msg:'a word'\"\n"
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := own.node
	c := n.Client(t).Login(t, own.user)
	says := func(word string) int { return c.Call(t, "GET", "/echo?word="+word, nil).Status }
	config := wafCaddyfile("rules_file " + rules)
	defer n.Load(t, ownCaddyfile).Want(t, http.StatusOK)
	load := func() []bool {
		t.Helper()
		mark := len(n.Process.Output())
		n.Load(t, config).Want(t, http.StatusOK)
		return loads(t, n.Process.Output()[mark:])
	}
	edit("sesame")
	if got := load(); !slices.Equal(got, []bool{false}) {
		t.Errorf("the first load: reused %v", got)
	}
	if says("sesame") != http.StatusForbidden || says("abracadabra") != http.StatusOK {
		t.Error("the rule is not in force")
	}
	if got := load(); !slices.Equal(got, []bool{true}) {
		t.Errorf("a reload of the same: reused %v", got)
	}
	edit("abracadabra")
	if got := load(); !slices.Equal(got, []bool{false}) {
		t.Errorf("a reload of an edited file: reused %v", got)
	}
	if says("sesame") != http.StatusOK || says("abracadabra") != http.StatusForbidden {
		t.Error("the edit is not in force")
	}
	edit("open\" \"sesame")
	if a := n.Load(t, config); a.Status/100 == 2 || !strings.Contains(string(a.Body), rules+":2: ") {
		t.Errorf("a wrong rule: %d %s", a.Status, a.Body)
	}
	if says("abracadabra") != http.StatusForbidden {
		t.Error("a failed reload took the running rules")
	}
}

// The help calls the commands by the name that one types.
func TestHelpNamesTheBinary(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"waf", "--help"}, {"demo", "--help"}} {
		code, out := own.node.Exec(t, "", args...)
		if code != 0 || !strings.Contains(out, "\n  convosphere ") || strings.Contains(out, "\n  caddy ") {
			t.Errorf("%v: exit code %d\n%s", args, code, out)
		}
	}
}
