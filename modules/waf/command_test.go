package waf

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/waf/explain"
)

// try runs `waf` with the arguments and standard input.
func try(stdin string, args ...string) (stdout string, err error) {
	cmd := &cobra.Command{Use: "waf", SilenceUsage: true, SilenceErrors: true}
	wafCommand(cmd)
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return out.String(), err
}

// found tells whether the command ended with the exit code for a finding.
func found(t *testing.T, err error) bool {
	t.Helper()
	if err == nil {
		return false
	}
	if err.Error() != "exiting with status 3" { // Caddy's error with the code is not exported
		t.Fatal(err)
	}
	return true
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// warm keeps the default rules of all levels compiled during the test.
func warm(t *testing.T) {
	t.Helper()
	for level := 1; level <= highestParanoia; level++ {
		provision(t, &Handler{Paranoia: level})
	}
}

const head = "POST /api/rooms/general/messages HTTP/1.1\nHost: chat.example.com\nUser-Agent: Mozilla/5.0\nAccept: */*\nContent-Type: application/json\n\n"

func explained(t *testing.T, stdin string, args ...string) (rep explain.Report, blocked bool) {
	t.Helper()
	out, err := try(stdin, append([]string{"explain", "--json", "-"}, args...)...)
	blocked = found(t, err)
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return rep, blocked
}

func hit(rep explain.Report, id int) *explain.Hit {
	i := slices.IndexFunc(rep.Hits, func(h explain.Hit) bool { return h.ID == id })
	if i < 0 {
		return nil
	}
	return &rep.Hits[i]
}

func TestExplain(t *testing.T) {
	warm(t)
	rep, blocked := explained(t, head+jsonText(sqli))
	if !blocked || rep.Verdict.Verdict != explain.Blocked || rep.Verdict.Status != 403 || rep.Verdict.By != 949110 || rep.Verdict.Threshold != 5 || len(rep.Levels) != 4 {
		t.Errorf("%+v", rep)
	}
	h := hit(rep, 942100)
	if h == nil || h.Class != "sqli" || h.Severity != "critical" || h.Score != 5 || h.Paranoia != 1 || !h.Active || h.Message == "" ||
		!strings.Contains(h.File, "REQUEST-942-APPLICATION-ATTACK-SQLI") || len(h.Matches) != 1 || h.Matches[0].Variable != "ARGS:json.text" || !strings.Contains(h.Matches[0].Value, "UNION") {
		t.Errorf("%+v", h)
	}
	// The scores of the hits at a level are the level's score.
	for _, l := range rep.Levels {
		sum := 0
		for _, id := range l.Rules {
			if h := hit(rep, id); h != nil {
				sum += h.Score
			} else {
				t.Errorf("paranoia %d: no hit for rule %d", l.Paranoia, id)
			}
		}
		if sum != l.Score {
			t.Errorf("paranoia %d: the hits have %d points, the level %d", l.Paranoia, sum, l.Score)
		}
	}
	if rep.Levels[3].Score <= rep.Levels[0].Score {
		t.Errorf("%+v", rep.Levels)
	}
	if h := rep.Hits[len(rep.Hits)-1]; h.Active || h.Paranoia < 2 {
		t.Errorf("the last hit is of the highest level: %+v", h)
	}

	rep, blocked = explained(t, head+jsonText("Hi all, shall we meet at 10?"))
	if blocked || rep.Verdict.Status != 0 || rep.Verdict.Verdict != explain.Passes || len(rep.Verdict.Rules) != 0 {
		t.Errorf("%+v", rep)
	}
	if len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "Content-Length") {
		t.Errorf("%q", rep.Notes)
	}
	if _, blocked := explained(t, head+jsonText("Hi"), "--paranoia", "4"); blocked {
		if rep, _ := explained(t, head+jsonText("Hi"), "--paranoia", "4"); rep.Verdict.Score < 5 {
			t.Errorf("%+v", rep.Verdict)
		}
	}
	if rep, blocked := explained(t, head+`{"broken`); !blocked || rep.Verdict.Verdict != explain.Refused || rep.Verdict.Status != 400 || rep.Verdict.By != 200002 {
		t.Errorf("%+v", rep.Verdict)
	}
	if rep, blocked := explained(t, head+strings.Repeat("x", 200<<10)); !blocked || rep.Verdict.Status != 413 || rep.Verdict.By != 0 {
		t.Errorf("%+v", rep.Verdict)
	}
}

func TestExplainText(t *testing.T) {
	warm(t)
	out, err := try("", "explain", file(t, "request", head+jsonText(sqli)))
	if !found(t, err) {
		t.Error("exit code 0")
	}
	for _, want := range []string{"POST /api/rooms/general/messages\n", "942100", "ARGS:json.text = ", "paranoia  verdict", "← configured", "blocked 403 at paranoia 1, by rule 949110"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours, and no terminal")
	}
}

const ownConfig = `{
	admin off
}
example.com {
	respond hello
}
a.example.com {
	route {
		respond /x no
		gw_waf {
			mode detect
			paranoia 2
			exclude 942100
			capture {
				sample all
			}
		}
		respond hello
	}
}
`

func TestExplainAConfiguration(t *testing.T) {
	config := file(t, "Caddyfile", ownConfig)
	rep, blocked := explained(t, head+jsonText(sqli), "--config", config)
	if rep.Mode != Detect || rep.Paranoia != 2 || rep.Config != config || hit(rep, 942100) != nil || !blocked {
		t.Errorf("%+v", rep)
	}
	rep, _ = explained(t, head+jsonText(sqli), "--config", config, "--paranoia", "3")
	if rep.Paranoia != 3 || rep.Verdict.Paranoia != 3 {
		t.Errorf("%+v", rep)
	}
	local := file(t, "local.conf", `SecRule ARGS:text|ARGS:json.text "@contains secret plan" "id:4711,phase:2,deny,status:451,log,msg:'a plan',tag:'attack-plan',setvar:'tx.inbound_anomaly_score_pl1=+3'"`)
	config = file(t, "Caddyfile", "example.com {\n\tgw_waf {\n\t\trules_file "+local+"\n\t}\n}\n")
	rep, blocked = explained(t, head+jsonText("a secret plan"), "--config", config)
	h := hit(rep, 4711)
	if !blocked || rep.Verdict.Status != 451 || rep.Verdict.By != 4711 || h == nil || !h.Denies || h.Class != "plan" || h.Score != 3 {
		t.Errorf("%+v", rep)
	}
}

func TestExplainASocketMessage(t *testing.T) {
	warm(t)
	for _, c := range []struct {
		data, variable string
		blocked        bool
	}{
		{`{"type":"message","room":"general","text":"hello, all"}`, "", false},
		{`{"type":"message","room":"general","text":"` + sqli + `"}`, "ARGS:json.text", true},
		{"hello, all", "", false},
		{sqli, "ARGS:message", true},
		{"[hello] to all", "", false},
		{`"` + strings.ReplaceAll(sqli, "'", `\u0027`) + `"`, "ARGS:json", true},
		{`{"text":"` + strings.ReplaceAll(sqli, "'", `\u0027`) + `",}`, "ARGS:json", true},
		{"", "", false},
		{"\xff", "", false},
		{"\x00", "", true}, // a character that no text has (920270)
	} {
		rep, blocked := explained(t, c.data, "--socket", "/api/ws")
		if blocked != c.blocked || rep.Verdict.Status != 0 || blocked != (rep.Verdict.Close == 1008) {
			t.Errorf("%q: %+v", c.data, rep)
		}
		if c.variable == "" {
			continue
		}
		if h := hit(rep, 942100); h == nil || !slices.ContainsFunc(h.Matches, func(m explain.Match) bool { return m.Variable == c.variable }) {
			t.Errorf("%q: %+v", c.data, h)
		}
	}
}

// A refused message closes its socket, which nobody answers with a status.
func TestExplainSaysHowASocketIsClosed(t *testing.T) {
	warm(t)
	out, err := try(sqli, "explain", "--socket", "/api/ws", "-")
	if !found(t, err) || !strings.Contains(out, "blocked 1008 at paranoia 1, by rule 949110; it closes the socket") || strings.Contains(out, "403") {
		t.Error(out)
	}
	if rep, blocked := explained(t, strings.Repeat("x", 200<<10), "--socket", "/api/ws"); !blocked || rep.Verdict.Close != 1009 || rep.Verdict.Status != 0 {
		t.Errorf("%+v", rep.Verdict)
	}
	config := file(t, "Caddyfile", "example.com {\n\tgw_waf {\n\t\tsockets off\n\t}\n}\n")
	if rep, _ := explained(t, sqli, "--socket", "/api/ws", "--config", config); len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "sockets off") {
		t.Errorf("%q", rep.Notes)
	}
}

// The mode is the one at the request's path.
func TestExplainKnowsModesByPath(t *testing.T) {
	warm(t)
	config := file(t, "Caddyfile", "example.com {\n\tgw_waf {\n\t\tmode detect at /uploads/*\n\t\tmode off at /health\n\t}\n}\n")
	for path, want := range map[string]struct{ mode, said string }{
		"/uploads/x":    {Detect, "mode detect records it and passes it on"},
		"/health":       {Off, "mode off passes it on uninspected"},
		"/uploads/../x": {Block, ""},
		"/else":         {Block, ""},
	} {
		raw := "GET " + path + "?q=1%27%20OR%20%271%27=%271 HTTP/1.1\nHost: localhost\nUser-Agent: x\nAccept: */*\n\n"
		if rep, blocked := explained(t, raw, "--config", config); rep.Mode != want.mode || !blocked {
			t.Errorf("%s: mode %q, want %q", path, rep.Mode, want.mode)
		}
		if out, _ := try(raw, "explain", "--config", config, "-"); !strings.Contains(out, want.said) || want.said == "" && strings.Contains(out, "; mode") {
			t.Errorf("%s: %s", path, out)
		}
	}
}

func TestCommandsRefuse(t *testing.T) {
	empty := file(t, "Caddyfile", "example.com {\n\trespond hello\n}\n")
	capture := file(t, "x.gwc", "GWCAPT1\n")
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"explain"}, "FILE|- is missing"},
		{"", []string{"explain", "-"}, "no request line"},
		{"", []string{"explain", "none"}, "none"},
		{head, []string{"explain", "-", "--paranoia", "5"}, "1 to 4"},
		{head, []string{"explain", "-", "--paranoia", "0"}, "1 to 4"},
		{head, []string{"explain", "-", "--config", empty}, "has no gw_waf"},
		{"x", []string{"explain", "-", "--socket", "no path"}, "the path of a socket"},
		{"", []string{"replay"}, "CAPTURE is missing"},
		{"", []string{"replay", capture, "--config", file(t, "Caddyfile", "example.com {\n\tgw_waf\n}\n")}, "configures no gateway"},
		{"", []string{"replay", capture, "--data", filepath.Join(t.TempDir(), "none")}, "no key ring"},
		{"", []string{"tune"}, "EVENTS…|- is missing"},
		{"", []string{"tune", "none"}, "none"},
		{"", []string{"tune", "-", "--min-users", "0"}, "at least 1"},
		{"", []string{"forget"}, "unknown command"},
	} {
		if _, err := try(c.stdin, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("waf %v: %v, want %q", c.args, err, c.want)
		}
	}
}

// Whatever arrives on a socket, the request for the rules says it whole.
func FuzzMessageRequest(f *testing.F) {
	for _, s := range []string{`{"a":1}`, "text", `["x"`, `"\u0027"`, "&message=x", "\x00\xff", "{\"a\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := messageRequest("/api/ws?x=1", "h", data)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || int64(len(body)) != r.ContentLength {
			t.Fatal(err)
		}
		if r.Header.Get("Content-Type") == "application/json" {
			if !bytes.Equal(body, data) {
				t.Errorf("%q", body)
			}
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := r.ParseForm(); err != nil || r.PostForm.Get("message") != string(data) {
			t.Errorf("%q: %q %v", data, r.PostForm, err)
		}
		if len(body) > 64+24*len(data) {
			t.Errorf("%d bytes of %d", len(body), len(data))
		}
	})
}
