package screen

import (
	"fmt"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// rulesAt is the Core Rule Set as the gateway loads it, at a paranoia level.
func rulesAt(level int) string {
	return `Include @crs-setup.conf.example
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html
SecRequestBodyLimit 2000001
SecRequestBodyInMemoryLimit 131072
SecRequestBodyJsonDepthLimit 1024
SecArgumentsLimit 250
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule &REQUEST_HEADERS:Content-Type "@eq 1" "id:590020,phase:1,t:none,pass,nolog,chain"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/octet-stream(?:$|[;\s])" "t:none,t:lowercase,ctl:ruleRemoveById=901340"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'The body is malformed'"
SecAction "id:900200,phase:1,pass,t:none,nolog,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=` + fmt.Sprint(level) + `"
Include @owasp_crs/*.conf
SecRuleRemoveById 905100 905110
SecRuleEngine On
`
}

func newScreen(t testing.TB, rules string) *Screen {
	t.Helper()
	p, err := seclang.Parse(rules, coreruleset.FS)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(p, Options{Root: coreruleset.FS, Limits: Limits{Arguments: 250, Depth: 1024}, Modelled: []int{200000, 200001, 590020, 901340}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var browser = [][2]string{
	{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"},
	{"Accept", "application/json, text/plain, */*"}, {"Accept-Language", "en-US,en;q=0.9"}, {"Accept-Encoding", "gzip, deflate, br"},
	{"Referer", "https://chat.example.com/rooms/general"}, {"Cookie", "theme=dark; lang=en; sid=3f9a1c7e5b2d4a6f8c0e1b3d5f7a9c2e"},
	{"Sec-Ch-Ua", `"Chromium";v="126", "Not A(Brand";v="8"`}, {"Sec-Fetch-Mode", "cors"}, {"Sec-Fetch-Site", "same-origin"}, {"Host", "chat.example.com"},
}

func request(method, uri, body string) *Request {
	h := browser
	if body != "" {
		h = append(h[:len(h):len(h)], [2]string{"Content-Type", "application/json"}, [2]string{"Content-Length", fmt.Sprint(len(body))})
	}
	return &Request{Method: method, URI: uri, Proto: "HTTP/1.1", Body: []byte(body), Header: func(yield func(name, value string) bool) {
		for _, kv := range h {
			if !yield(kv[0], kv[1]) {
				return
			}
		}
	}}
}
