package tune

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"pgregory.net/rapid"
)

// line is an event as the gateway writes it.
func line(user, path, route string, blocked bool, rule int, variable, excerpt string, more ...int) string {
	e := map[string]any{
		"@timestamp": "2026-11-26T10:00:00.000000Z", "event.action": "http-request", "http.request.method": "POST", "url.path": path, "source.ip": "192.0.2.7",
		"rule.id": append([]int{rule, 949110}, more...), "gateway.waf.blocked": blocked, "gateway.waf.score.inbound": 5,
		"gateway.waf.matches": []map[string]any{{"rule": rule, "variable": variable, "excerpt": excerpt}},
	}
	if user != "" {
		e["user.id"], e["user.name"], e["user.roles"] = "id-"+user, user, []string{"user"}
	}
	if route != "" {
		e["gateway.route"] = route
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func report(t testing.TB, o Options, lines ...string) *Report {
	t.Helper()
	tu := New(o)
	if err := tu.Read(strings.NewReader(strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	return tu.Report()
}

var usual = Options{MinHits: 3, MinUsers: 2}

const room = "/api/rooms/general/messages"

func lines(r *Report) (out []string) {
	for _, p := range r.Proposals {
		out = append(out, p.Line)
	}
	return out
}

func TestProposals(t *testing.T) {
	hit := func(user string) string {
		return line(user, room, "", true, 942100, "ARGS:json.text", "select … from")
	}
	for _, c := range []struct {
		name   string
		events []string
		want   []string
	}{
		{"three by two", []string{hit("u"), hit("u"), hit("p")}, []string{"exclude 942100 on ARGS:text at /api/rooms/general/messages"}},
		{"two hits", []string{hit("u"), hit("p")}, nil},
		{"one user", []string{hit("u"), hit("u"), hit("u"), hit("u")}, nil},
		{"anonymous", []string{hit(""), hit(""), hit(""), hit("")}, nil},
		{"form and JSON", []string{hit("u"), line("p", room, "", false, 942100, "ARGS_POST:text", ""), line("q", room, "", false, 942100, "ARGS:text", "")},
			[]string{"exclude 942100 on ARGS:text at /api/rooms/general/messages"}},
		{"a user of two kinds", []string{hit("u"), hit("u"), hit("p"), line("p", "/x", "", true, 941100, "ARGS:q", "")}, nil},
		{"a user of two kinds among clean ones", []string{hit("u"), hit("u"), hit("q"), hit("p"), line("p", "/x", "", true, 941100, "ARGS:q", "")},
			[]string{"exclude 942100 on ARGS:text at /api/rooms/general/messages"}},
		{"a scanner", []string{hit("u"), hit("u"), hit("p"), line("p", "/x", "", true, 913100, "REQUEST_HEADERS:User-Agent", "")}, nil},
		{"malformed protocol", []string{hit("u"), hit("u"), hit("p"), line("p", "/x", "", false, 920270, "ARGS:q", "")}, nil},
		{"kinds in one event", []string{hit("u"), hit("u"), line("p", room, "", true, 942100, "ARGS:json.text", "", 932260), hit("q")},
			[]string{"exclude 942100 on ARGS:text at /api/rooms/general/messages"}},
		{"the route", []string{hit("u"), line("p", "/api/rooms/other/messages", "POST /api/rooms/{room}/messages", false, 942100, "ARGS:json.text", ""), hit("p")},
			[]string{"exclude 942100 on ARGS:text at /api/rooms/*/messages"}},
		{"a route's rest", []string{line("u", "/f/a/b", "/f/{path...}", false, 930120, "REQUEST_FILENAME", ""), line("u", "/f/c", "GET /f/{path...}", false, 930120, "REQUEST_FILENAME", ""), line("p", "/f/c", "", true, 930120, "REQUEST_FILENAME", "")},
			[]string{"exclude 930120 on REQUEST_FILENAME at /f/*"}},
		{"ids", []string{
			line("u", "/a/17/b", "", true, 942100, "ARGS:q", ""), line("u", "/a/0190a5b2-7c3e-7def-8123-0123456789ab/b", "", true, 942100, "ARGS:q", ""),
			line("p", "/a/01J0ZK3W9TABCDEFGHJKMNPQRS/b", "", true, 942100, "ARGS:q", ""), line("p", "/a/[hidden]/b", "", true, 942100, "ARGS:q", ""), line("p", "/a/a%20b/b", "", true, 942100, "ARGS:q", "")},
			[]string{"exclude 942100 on ARGS:q at /a/*/b"}},
		{"paths apart", []string{line("u", "/a", "", true, 942100, "ARGS:q", ""), line("p", "/b", "", true, 942100, "ARGS:q", ""), line("q", "/c", "", true, 942100, "ARGS:q", "")}, nil},
		{"rules together", []string{hit("u"), hit("u"), hit("p"), line("u", room, "", true, 942200, "ARGS:json.text", ""), line("p", room, "", true, 942200, "ARGS:json.text", ""), line("p", room, "", true, 942200, "ARGS:json.text", "")},
			[]string{"exclude 942100 942200 on ARGS:text at /api/rooms/general/messages"}},
		{"fields apart", []string{hit("u"), hit("u"), line("p", room, "", true, 942100, "ARGS:json.room", "")}, nil},
		{"several fields of one match", []string{hit("u"), hit("u"), strings.Replace(hit("p"), `"variable":"ARGS:json.text"`, `"variable":["MATCHED_VARS:ARGS:text","ARGS:json.text"]`, 1)},
			[]string{"exclude 942100 on ARGS:text at /api/rooms/general/messages"}},
		{"a detour", []string{line("u", "/a/../b", "", true, 942100, "ARGS:q", ""), line("u", "/a/../b", "", true, 942100, "ARGS:q", ""), line("p", "/a/../b", "", true, 942100, "ARGS:q", "")}, nil},
		{"a whole collection", []string{line("u", room, "", true, 942100, "ARGS", ""), line("u", room, "", true, 942100, "ARGS", ""), line("p", room, "", true, 942100, "ARGS", "")}, nil},
		{"a name that is no name", []string{line("u", room, "", true, 942100, "ARGS:a b\n}", ""), line("u", room, "", true, 942100, "ARGS:a b\n}", ""), line("p", room, "", true, 942100, "ARGS:a b\n}", "")}, nil},
		{"rules that judge", []string{line("u", room, "", true, 949110, "TX:x", ""), line("u", room, "", true, 949110, "TX:x", ""), line("p", room, "", true, 949110, "TX:x", "")}, nil},
	} {
		r := report(t, usual, c.events...)
		if got := lines(r); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestEvidence(t *testing.T) {
	first := strings.Replace(line("u", room, "", true, 942100, "ARGS:json.text", "it's \"{$HOME}\"\nexclude 1"), "2026-11-26T10", "2026-11-20T08", 1)
	r := report(t, usual, "no event\n", first, line("u", room, "", true, 942100, "ARGS:json.text", ""), line("p", room, "", false, 942100, "ARGS:json.text", ""),
		line("", room, "", true, 942100, "ARGS:json.text", ""), `{"rule.id":[942100],"user.id":"q"}`+"\n", `{"user.id":"q"}`+"\n")
	var b bytes.Buffer
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `# 3 hits by 2 users
#   942100 (sqli): 3 hits by 2 users, 2 in refused requests, 2026-11-20 08:00 to 2026-11-26 10:00, as in "it's \"{ $HOME}\"\nexclude 1"
exclude 942100 on ARGS:text at /api/rooms/general/messages

# 6 events, 5 with hits: 1 by anonymous clients and 0 by 0 of 3 users who are not clean did not count; 1 hit without a field that an exclusion can name.
# 1 line was no event.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(b)
			_ = w.Close()
			b = z.Bytes()
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hit := func(u string) string { return line(u, room, "", true, 942100, "ARGS:json.text", "") }
	put("events.jsonl", hit("u"))
	put("events-2026-11-25T10-00-00.000-size.jsonl", hit("u"))
	put("events-2026-11-24T10-00-00.000-size.jsonl.gz", hit("p"))
	put("notes.txt", hit("p"))
	tu := New(usual)
	if err := tu.Add(dir, nil); err != nil {
		t.Fatal(err)
	}
	r := tu.Report()
	if len(r.Proposals) != 1 || r.Proposals[0].Hits != 3 || r.Seen.Events != 3 {
		t.Errorf("%+v", r)
	}
	if err := tu.Add("-", strings.NewReader(hit("p"))); err != nil || tu.Report().Seen.Events != 4 {
		t.Error(err)
	}
	for _, bad := range []string{t.TempDir(), filepath.Join(dir, "none")} {
		if err := tu.Add(bad, nil); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// A line without an end takes no memory, and hides nothing after it.
func TestLongLines(t *testing.T) {
	hit := line("u", room, "", true, 942100, "ARGS:json.text", "")
	long := strings.Repeat("x", 3*1<<20) + "\n"
	r := report(t, Options{1, 1}, long, hit, long+hit, strings.TrimSuffix(long, "\n"))
	if r.Seen.Events != 2 || r.Seen.Unreadable != 3 || len(r.Proposals) != 1 {
		t.Errorf("%+v", r)
	}
}

// What is proposed covers the repeated hits of clean users, all of them and nothing else.
func TestProposalsCoverExactlyTheRepeatedHits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type hit struct {
			user, path, field string
			rule              int
		}
		var hits []hit
		var events []string
		for range rapid.IntRange(0, 40).Draw(t, "hits") {
			h := hit{
				rapid.SampledFrom([]string{"u", "p", "q", ""}).Draw(t, "user"), rapid.SampledFrom([]string{"/a/1/b", "/a/2/b", "/c", "/c/d"}).Draw(t, "path"),
				rapid.SampledFrom([]string{"ARGS:json.text", "ARGS:q"}).Draw(t, "field"), rapid.SampledFrom([]int{942100, 942200, 941100}).Draw(t, "rule"),
			}
			hits = append(hits, h)
			events = append(events, line(h.user, h.path, "", true, h.rule, h.field, ""))
		}
		classes := map[string]map[int]bool{}
		for _, h := range hits {
			if classes[h.user] == nil {
				classes[h.user] = map[int]bool{}
			}
			classes[h.user][h.rule/1000] = true
		}
		clean := func(u string) bool { return u != "" && len(classes[u]) == 1 }
		digit := regexp.MustCompile(`/[0-9]+`)
		group := func(h hit) string { return fmt.Sprint(h.rule, h.field, digit.ReplaceAllString(h.path, "/*")) }
		count, users := map[string]int{}, map[string]map[string]bool{}
		for _, h := range hits {
			if g := group(h); clean(h.user) {
				count[g]++
				if users[g] == nil {
					users[g] = map[string]bool{}
				}
				users[g][h.user] = true
			}
		}
		tu := New(usual)
		if err := tu.Read(strings.NewReader(strings.Join(events, ""))); err != nil {
			t.Fatal(err)
		}
		r := tu.Report()
		for _, h := range hits {
			want := count[group(h)] >= 3 && len(users[group(h)]) >= 2
			if got := excluded(r, h.rule, h.field, h.path); got != want {
				t.Fatalf("%+v: excluded %t, want %t by %q", h, got, want, lines(r))
			}
		}
	})
}

// excluded does what the directive does with the proposed lines.
func excluded(r *Report, rule int, variable, path string) bool {
	for _, p := range r.Proposals {
		target, _ := targetOf(variable)
		for _, e := range p.Rules {
			if e.Rule == rule && p.Target == target && pattern(p.Path).covers(pattern(path)) {
				return true
			}
		}
	}
	return false
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		p, path string
		want    bool
	}{
		{"/a/*/b", "/a/x/b", true}, {"/a/*/b", "/a/x/y/b", false}, {"/a/*/b", "/a//b", false}, {"/a/**", "/a/b/c", true}, {"/a/**", "/b", false},
		{"/", "/", true}, {"/", "/a", false}, {"/a", "/a/", false}, {"/*", "/a", true},
	} {
		if got := pattern(c.p).covers(pattern(c.path)); got != c.want {
			t.Errorf("%s covers %s: %t", c.p, c.path, got)
		}
	}
}

// Whatever an event says, what is printed are comments, and exclusions of single rules on single fields.
func FuzzEvents(f *testing.F) {
	f.Add(line("u", room, "POST /api/rooms/{room}/messages", true, 942100, "ARGS:json.text", "x"))
	f.Add(line("u", "/a\n\"{$HOME}", "", true, 1, "ARGS:a b", "} import x\n"))
	f.Add(`{"rule.id":"x"}` + "\n" + `[]` + "\n\n{")
	f.Add("\x1f\x8b\x08")
	shape := regexp.MustCompile(`^exclude( [1-9][0-9]*)+ on [A-Z][A-Z_]*(:[A-Za-z0-9_.-]+)? at /[A-Za-z0-9_.~*/-]*$`)
	f.Fuzz(func(t *testing.T, in string) {
		tu := New(Options{1, 1})
		_ = tu.Read(strings.NewReader(in))
		var b bytes.Buffer
		if err := tu.Report().Text(&b); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, "#") && !shape.MatchString(l) {
				t.Errorf("%q", l)
			}
		}
		for _, p := range tu.Report().Proposals {
			if tokens, err := caddyfile.Tokenize(b.Bytes(), "x"); err != nil || len(tokens) == 0 {
				t.Errorf("%q: %v %v", p.Line, tokens, err)
			}
		}
	})
}
