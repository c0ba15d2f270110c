package waf

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/waf/capture"
	"github.com/convosphere/gateway/modules/waf/tune"
	"github.com/convosphere/gateway/test/golden"
)

// siteOf is a Caddyfile with a gateway of that folder and a gw_waf.
func siteOf(t *testing.T, dir, options string) string {
	t.Helper()
	site := "example.com {\n\tgw_waf {\n" + options + "\n\t}\n}\n"
	// The app of these tests reads no Caddyfile, so the gateway stands in JSON.
	raw, err := adaptedWith(site, dir)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "gateway.json", raw)
}

func replayed(t *testing.T, config string, args ...string) (c comparison, changed bool) {
	t.Helper()
	out, err := try("", append([]string{"replay", "--json", "--config", config}, args...)...)
	changed = found(t, err)
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return c, changed
}

func TestReplayShowsWhatChanges(t *testing.T) {
	dir := t.TempDir()
	capturing(t, dir, &Handler{Capture: captureAll()}, func(h *Handler) {
		do(t, h, request("POST", "/x", js, jsonText("hello, all")))
		do(t, h, request("POST", "/x", js, jsonText("1' or '1'='1")))
		do(t, h, request("GET", "/x?q="+strings.Repeat("a", 300)+"%00", "", ""))
		do(t, h, request("POST", "/auth/api/login", js, `{"username":"u","password":"p"}`))
		do(t, h, request("POST", "/x", form, "text=Please+select+one+from+the+list"))
	})
	folder := captureFolder(dir)

	c, changed := replayed(t, siteOf(t, dir, ""), folder)
	if changed || c.Replayed != 4 || c.Same != 4 || len(c.Left) != 1 || c.Left["bodies of the portal's API are not captured"] != 1 {
		t.Errorf("the same configuration: %+v", c)
	}

	var rules []string
	for _, r := range kept(t, dir)[1].Verdict.Rules {
		if r/1000 == 942 {
			rules = append(rules, fmt.Sprint(r))
		}
	}
	c, changed = replayed(t, siteOf(t, dir, "exclude "+strings.Join(rules, " ")), folder)
	if !changed || c.Passing != 1 || c.Blocked != 0 || c.Same != 3 || len(c.Changes) != 1 {
		t.Fatalf("a rule less: %+v", c)
	}
	if ch := c.Changes[0]; ch.Change != changePassing || ch.Before.Status != 403 || ch.After.Status != 0 || len(ch.Gone) != len(rules) || len(ch.Added) != 0 || ch.Request != "POST /x" {
		t.Errorf("%+v", ch)
	}

	c, changed = replayed(t, siteOf(t, dir, "paranoia 4\nmode detect"), folder)
	if !changed || c.Blocked == 0 || c.Passing != 0 || c.Paranoia != 4 {
		t.Errorf("a higher level: %+v", c)
	}
	for _, ch := range c.Changes {
		if ch.Change == changeBlocked && (ch.After.Verdict != "blocked" || len(ch.Added) == 0) {
			t.Errorf("%+v", ch)
		}
	}

	out, err := try("", "replay", "--config", siteOf(t, dir, "exclude "+strings.Join(rules, " ")), folder)
	if !found(t, err) || !strings.Contains(out, "newly passing") || !strings.Contains(out, "; gone "+strings.Join(rules, " ")) ||
		!strings.Contains(out, "4 replayed against ") || !strings.Contains(out, ": 0 newly blocked, 1 newly passing, 0 with other rules, 3 the same\n1 left out: bodies of the portal's API are not captured\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What was only recorded, in mode detect, was decided all the same.
func TestReplayOfModeDetect(t *testing.T) {
	dir := t.TempDir()
	capturing(t, dir, &Handler{Mode: Detect, Capture: captureAll()}, func(h *Handler) {
		do(t, h, request("POST", "/x", js, jsonText(sqli)))
		do(t, h, request("POST", "/x", js, jsonText("hello")))
	})
	if c, changed := replayed(t, siteOf(t, dir, ""), captureFolder(dir)); changed || c.Same != 2 {
		t.Errorf("%+v", c)
	}
}

func TestReplayRefusesWhatWasAltered(t *testing.T) {
	dir := t.TempDir()
	capturing(t, dir, &Handler{Capture: captureAll()}, func(h *Handler) {
		do(t, h, request("GET", "/a", "", ""))
		do(t, h, request("GET", "/b", "", ""))
	})
	names, err := records.Files(captureFolder(dir))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	torn := file(t, "torn.gwc", string(whole[:len(whole)-3]))
	if c, changed := replayed(t, siteOf(t, dir, ""), torn); changed || c.Replayed != 1 {
		t.Errorf("%+v", c)
	}
	whole[len(whole)-3] ^= 1
	altered := file(t, "altered.gwc", string(whole))
	if _, err := try("", "replay", "--data", dir, altered); err == nil || !strings.Contains(err.Error(), "record 2") || !strings.Contains(err.Error(), "altered") {
		t.Error(err)
	}
	other := t.TempDir()
	gateway(t, other)
	if _, err := try("", "replay", "--data", other, names[0]); err == nil || !strings.Contains(err.Error(), "another key ring") {
		t.Error(err)
	}
	if out, err := try("", "replay", "--data", dir, names[0]); err != nil || !strings.Contains(out, "2 replayed against the defaults") {
		t.Error(out, err)
	}
	if _, err := try("", "replay", "--keys", filepath.Join(dir, "keys"), names[0]); err != nil {
		t.Error(err)
	}
}

// A captured request is, for the rules, the request that came: every header, and every byte of the target and the body.
func TestCapturedRequestsAreTheSameForTheRules(t *testing.T) {
	h := provision(t, &Handler{Paranoia: 4})
	for _, c := range []struct{ method, target, contentType, body string }{
		{"GET", "/x?a=%27+or+1%3d1&b=%2e%2e%2f", "", ""}, {"POST", "/x", js, jsonText(sqli)}, {"POST", "/x", form, "a=1&b=%27"}, {"POST", "/x", "multipart/form-data; boundary=b0", multipartBody("a", xss)},
		{"POST", "/x", "application/octet-stream", "\x00\xff{"}, {"DELETE", "/x/../y", "", ""}, {"POST", "/x", js, ""}, {"GET", "http://chat.example.com/x", "", ""},
	} {
		r := request(c.method, c.target, c.contentType, c.body)
		r.Header.Add("X-Odd", "() { :;}; echo")
		_, rc := reqctx.Ensure(r)
		rec := recordOf(r, rc)
		if c.body != "" {
			rec.Body = []byte(c.body)
		}
		first := do(t, h, r)
		b, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		again := new(capture.Record)
		if err := json.Unmarshal(b, again); err != nil {
			t.Fatal(err)
		}
		r2, err := requestOf(again)
		if err != nil {
			t.Fatal(err)
		}
		second := do(t, h, r2)
		if first.status != second.status || first.verdict.Score != second.verdict.Score || !slices.Equal(first.verdict.Rules, second.verdict.Rules) {
			t.Errorf("%+v: %v, then %v", c, first.verdict, second.verdict)
		}
	}
}

// What tune proposes ends the false alarms and nothing else. The exclusion is written in SecLang here, as the directive does it.
func TestTunesProposalEndsTheFalseAlarms(t *testing.T) {
	const room = "/api/rooms/general/messages"
	type post struct{ user, path, field, text string }
	posts := []post{
		{"ursula", room, "text", "so: 1' UNION SELECT name FROM users--"}, {"ursula", room, "text", "or union select all from accounts"}, {"petra", room, "text", "' or 1=1 --"},
		{"petra", room, "text", "so: 1' UNION SELECT name FROM users--"}, {"paul", room, "text", "' or 1=1 --"}, {"paul", room, "text", "or union select all from accounts"},
	}
	attacks := []post{
		{"", room, "text", sqli}, {"mallory", room, "text", sqli}, {"mallory", room, "text", xss}, // not clean
		{"ursula", room, "room", sqli}, {"ursula", "/search", "text", sqli}, // once, elsewhere
	}
	run := func(h *Handler, p post) (blocked bool, matches map[int][]string, line string) {
		r := request("POST", p.path, js, fmt.Sprintf(`{%q:%q}`, p.field, p.text))
		r, rc := reqctx.Ensure(r)
		x := h.inspect(nobody{}, r, rc)
		defer x.end()
		matches = map[int][]string{}
		e := map[string]any{"@timestamp": "2026-11-26T10:00:00Z", "url.path": p.path, "rule.id": rc.Verdict.Rules, "gateway.waf.blocked": rc.Verdict.Blocked}
		var list []map[string]any
		for _, hit := range hits(x.tx, x.state()) {
			for _, m := range hit.Matches {
				matches[hit.ID] = append(matches[hit.ID], m.Variable)
				list = append(list, map[string]any{"rule": hit.ID, "variable": m.Variable, "excerpt": "…"})
			}
		}
		e["gateway.waf.matches"] = list
		if p.user != "" {
			e["user.id"], e["user.name"] = p.user, p.user
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return rc.Verdict.Blocked, matches, string(b) + "\n"
	}
	h := provision(t, &Handler{})
	var events strings.Builder
	for _, p := range slices.Concat(posts, attacks) {
		_, matches, line := run(h, p)
		if len(matches) == 0 {
			t.Fatalf("no rule hits %q: it proves nothing", p.text)
		}
		events.WriteString(line)
	}
	out, err := try(events.String(), "tune", "-")
	if !found(t, err) {
		t.Fatal(out)
	}
	proposal := regexp.MustCompile(`(?m)^exclude ((?:\d+ ?)+) on ARGS:text at /api/rooms/general/messages$`).FindStringSubmatch(out)
	if proposal == nil || strings.Count(out, "\nexclude ") != 1 {
		t.Fatalf("one line, on one field at one path: %s", out)
	}
	var rules strings.Builder
	fmt.Fprintf(&rules, `SecRule REQUEST_FILENAME "@streq %s" "id:4711,phase:1,pass,nolog`, room)
	for id := range strings.FieldsSeq(proposal[1]) {
		fmt.Fprintf(&rules, ",ctl:ruleRemoveTargetById=%s;ARGS:text,ctl:ruleRemoveTargetById=%[1]s;ARGS:json.text", id)
	}
	rules.WriteString("\"\n")
	tuned := provision(t, &Handler{RulesFiles: []string{file(t, "tuned.conf", rules.String())}})
	excluded := strings.Fields(proposal[1])
	for _, p := range slices.Concat(posts, attacks) {
		_, before, _ := run(h, p)
		_, after, _ := run(tuned, p)
		for id, variables := range before {
			gone := p.path == room && p.field == "text" && slices.Contains(excluded, fmt.Sprint(id))
			if left := len(after[id]) > 0; left == gone {
				t.Errorf("%+v: rule %d on %q: gone %t, want %t", p, id, variables, !left, gone)
			}
		}
	}
	counts, err := try(events.String(), "tune", "-", "--json", "--min-hits", "4")
	if err != nil && !found(t, err) {
		t.Fatal(err)
	}
	var rep tune.Report
	if err := json.Unmarshal([]byte(counts), &rep); err != nil || rep.Seen.Events != len(posts)+len(attacks) || rep.Seen.Anonymous != 1 || rep.Seen.NotClean != 1 {
		t.Errorf("%v %+v", err, rep.Seen)
	}
	if out, err := try(events.String(), "tune", "--min-users", "9", "-"); err != nil || !strings.Contains(out, "# Nothing to propose") {
		t.Error(out, err)
	}
}

// adaptedWith is the site's JSON with the gateway's app added.
func adaptedWith(site, dir string) (string, error) {
	raw, err := golden.Adapt(site)
	if err != nil {
		return "", err
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", err
	}
	c["apps"].(map[string]any)["gateway"] = map[string]any{"data_dir": dir}
	b, err := json.Marshal(c)
	return string(b), err
}
