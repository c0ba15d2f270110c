package waf

import (
	"net/url"
	"strings"
	"testing"
)

// Coraza keeps one of the spellings of a form's key, by chance: what stands under the others must be inspected, too. GHSA-5gj4-9gm7-2fx2 was that of JSON.
func TestKeysThatClash(t *testing.T) {
	evil := url.QueryEscape(`<script>alert(1)</script>`)
	escaped := `{"x":"\u003cscript\u003ealert(1)\u003c/script\u003e"}`
	for _, off := range []bool{false, true} {
		h := provision(t, &Handler{ScreenOff: off})
		for name, body := range map[string]string{
			"a value":                   "comment=" + evil + "&Comment=a&cOmment=a&coMment=a&comMent=a&commEnt=a&commeNt=a&commenT=a",
			"a key":                     evil + "=1&" + "%3CSCRIPT%3Ealert(1)%3C/script%3E=1",
			"the name it is put under":  "comment=" + evil + "&Comment=a&cOmment=a&coMment=a&form=a&form_=b",
			"JSON before a form":        escaped + "&json=a",
			"JSON before more of them":  escaped + "&JSON_=a&json=a&jsonK=a",
			"JSON before what is taken": escaped + "&json=a&json_=a&json__=a",
		} {
			for range 10 { // by chance
				if o := do(t, h, request("POST", "/x", form, body)); o.status != 403 {
					t.Errorf("%s, screen off: %t: status %d", name, off, o.status)
					break
				}
			}
		}
		if o := do(t, h, request("POST", "/x", form, "comment=a&Comment=b&form=c&json=d")); o.status != 200 {
			t.Errorf("harmless: status %d, %+v", o.status, o.verdict)
		}
	}
}

// Beside another media type an octet stream is no file: only 920620 would refuse it, and an operator may have taken that out.
func TestTwoMediaTypes(t *testing.T) {
	h := provision(t, &Handler{Exclusions: []Exclusion{{Rules: []string{"920620"}}}})
	for _, second := range []string{form, "text/plain", "application/octet-stream"} {
		r := request("POST", "/x", "application/octet-stream", "comment="+url.QueryEscape(`<script>alert(1)</script>`))
		r.Header.Add("Content-Type", second)
		if o := do(t, h, r); o.status != 403 {
			t.Errorf("%s: status %d", second, o.status)
		}
	}
	if o := do(t, h, request("POST", "/x", "application/octet-stream", "comment=<script>")); o.status != 200 {
		t.Errorf("a file: status %d", o.status)
	}
	// Megabytes are for files, which the rules don't read.
	for _, types := range [][]string{{"application/octet-stream", form}, {"application/octet-streams"}, {"\u00a0application/octet-stream"},
		{"multipart/mixed; boundary=x"}, {"multipart/form-data; boundary=x", "application/json"},
	} {
		r := request("POST", "/x", "", "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n"+strings.Repeat("x", defaultBodyLimit)+"\r\n--x--\r\n")
		r.Header["Content-Type"] = types
		if o := do(t, h, r); o.status != 413 {
			t.Errorf("%q, over the limit: status %d", types, o.status)
		}
	}
}
