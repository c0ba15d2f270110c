package waf

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// repeat writes the format with 0 to n-1.
func repeat(n int, format string) string {
	b := new(strings.Builder)
	for i := range n {
		fmt.Fprintf(b, format, i)
	}
	return b.String()
}

func withCookies(n int, value string) *http.Request {
	r := request("GET", "/x", "", "")
	r.Header.Set("Cookie", strings.TrimSuffix(repeat(n, "c%d="+value+"; "), "; "))
	return r
}

// 27 KB of cookies took 200 MiB and 0.6 s: each value is kept in every transformation that a rule asks for.
func TestManyCookies(t *testing.T) {
	h := provision(t, &Handler{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := do(t, h, withCookies(1900, "a b(c.d"))
	runtime.ReadMemStats(&after)
	if o.status != 431 || o.reached || !strings.Contains(o.answer, `"urn:gateway:problem:headers-too-large"`) {
		t.Errorf("%+v", o)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("the refusal took %d bytes", n)
	}
	if o := do(t, h, withCookies(50, "dark")); !o.reached {
		t.Errorf("50 cookies: %+v", o)
	}
	if o := do(t, h, withCookies(51, "dark")); o.status != 431 {
		t.Errorf("51 cookies: %+v", o)
	}
	split := withCookies(30, "dark") // as two headers
	split.Header.Add("Cookie", split.Header.Get("Cookie"))
	if o := do(t, h, split); o.status != 431 {
		t.Errorf("two headers: %+v", o)
	}
	if o := do(t, provision(t, &Handler{MaxCookies: 60}), withCookies(60, "dark")); !o.reached {
		t.Errorf("max_cookies 60: %+v", o)
	}
	if o := do(t, provision(t, &Handler{Mode: Detect}), withCookies(1900, "dark")); !o.reached {
		t.Errorf("detect: %+v", o)
	}
}

// 900 arguments took 0.8 s and up to 90 MiB. What is over the limit is refused, never left out: an attack could stand there.
func TestManyArguments(t *testing.T) {
	h, detect := provision(t, &Handler{}), provision(t, &Handler{Mode: Detect})
	multi := "multipart/form-data; boundary=b0"
	field := "--b0\r\nContent-Disposition: form-data; name=\"k%d\"\r\n\r\nx\r\n"
	pad := strings.Repeat("a b(c.d ", 15)
	attack := "%27%20OR%20%271%27=%271"
	for _, c := range []struct {
		name, method, target, contentType, body string
		pass                                    bool
	}{
		{"query", "GET", "/x?" + repeat(250, "k%d=x&"), "", "", true},
		{"query, over", "GET", "/x?" + repeat(251, "k%d=x&"), "", "", false},
		{"one name, over", "GET", "/x?" + strings.Repeat("a=1&", 251), "", "", false},
		{"json", "POST", "/x", js, "{" + repeat(249, `"k%d":"x",`) + `"z":1}`, true},
		{"json, over", "POST", "/x", js, "{" + repeat(250, `"k%d":"x",`) + `"z":1}`, false},
		{"json array", "POST", "/x", js, "[" + strings.Repeat("1,", 248) + "1]", true},
		{"json array, over", "POST", "/x", js, "[" + strings.Repeat("1,", 250) + "1]", false},
		{"json, undeclared, over", "POST", "/x", form, "{" + repeat(130, `"k%d":"x",`) + `"z":1}`, false},
		{"form", "POST", "/x", form, repeat(250, "k%d=x&"), true},
		{"form, over", "POST", "/x", form, repeat(251, "k%d=x&"), false},
		{"query and form, over", "POST", "/x?" + repeat(130, "q%d=x&"), form, repeat(130, "k%d=x&"), false},
		{"multipart", "POST", "/x", multi, repeat(250, field) + "--b0--\r\n", true},
		{"multipart, over", "POST", "/x", multi, repeat(251, field) + "--b0--\r\n", false},
		{"multipart after white space, over", "POST", "/x", "\u00a0" + multi, repeat(251, field) + "--b0--\r\n", false},
		{"xml", "POST", "/x", "application/xml", "<m>" + repeat(250, "<a>%d</a>") + "</m>", true},
		{"xml, over", "POST", "/x", "application/xml", "<m>" + repeat(251, "<a>%d</a>") + "</m>", false},
		{"xml attributes, over", "POST", "/x", "application/xml", "<m>" + repeat(251, "<a b='%d'/>") + "</m>", false},
		{"heavy json", "POST", "/x", js, "{" + repeat(900, `"k%d":"`+pad+`",`) + `"z":1}`, false},
		{"heavy form", "POST", "/x", form, repeat(900, "k%d="+strings.ReplaceAll(pad, " ", "+")+"&"), false},
		{"heavy xml", "POST", "/x", "application/xml", "<m>" + repeat(900, "<a>"+pad+"%d</a>") + "</m>", false},
		{"attack behind padding", "GET", "/x?" + repeat(250, "k%d=x&") + "q=" + attack, "", "", false},
		{"attack behind padding in a form", "POST", "/x", form, repeat(250, "k%d=x&") + "q=" + attack, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			o := do(t, h, request(c.method, c.target, c.contentType, c.body))
			took := time.Since(start)
			if o.reached != c.pass {
				t.Fatalf("passed on %t, %+v %+v", o.reached, o, o.verdict)
			}
			if !c.pass && (o.status != 400 || !strings.Contains(o.answer, `"urn:gateway:problem:too-many-arguments"`)) {
				t.Errorf("%d %s", o.status, o.answer)
			}
			if !c.pass && took > 300*time.Millisecond { // 1 ms; the race detector and a busy machine take more
				t.Errorf("the refusal took %s", took)
			}
			d := do(t, detect, request(c.method, c.target, c.contentType, c.body))
			if !d.reached || d.body != c.body {
				t.Errorf("detect: status %d, %d bytes of %d", d.status, len(d.body), len(c.body))
			}
			if over := slices.ContainsFunc(d.verdict.Rules, func(id int) bool { return slices.Contains(argumentRules, id) }); over == c.pass {
				t.Errorf("detect: %+v", d.verdict)
			}
		})
	}
	if o := do(t, provision(t, &Handler{MaxArguments: 300}), request("GET", "/x?"+repeat(300, "k%d=x&"), "", "")); !o.reached {
		t.Errorf("max_arguments 300: %+v", o)
	}
}

// curl says so with a body over 1 MiB. net/http answers it; nothing of it is an attack.
func TestExpectContinue(t *testing.T) {
	h := provision(t, &Handler{})
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second}}
	defer client.CloseIdleConnections()
	url := "http://" + serve(t, h).String() + "/x"
	body := bytes.Repeat([]byte("\x00\x01"), 1<<20)
	for _, value := range []string{"100-continue", "100-Continue"} {
		r, err := http.NewRequest("POST", url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "a.example.com"
		r.Header.Set("Expect", value)
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set("Accept", "*/*")
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != 200 || !bytes.Equal(got, append(body[:len(body):len(body)], '|')) {
			t.Errorf("%s: %d, %d bytes, %v", value, res.StatusCode, len(got), err)
		}
	}
	other := request("POST", "/x", js, `{"a":1}`) // net/http answers others 417, so this comes from elsewhere
	other.Header.Set("Expect", "200-ok")
	if o := do(t, h, other); o.status != 403 {
		t.Errorf("another Expect: %+v", o)
	}
}
