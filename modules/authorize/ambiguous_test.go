package authorize

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What a header says of the method never comes to the back end, so that what was decided as POST is served as POST.
func TestMethodOverrideHeaders(t *testing.T) {
	e := newEnv(t, "route POST /things {\npermission app:write\n}\nroute DELETE /things {\npermission none\n}", "")
	e.expect(403, "DELETE", "/things", "ursula/user")
	for _, name := range []string{
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x-http-method-override", "X_HTTP_METHOD_OVERRIDE", "X.Http.Method.Override", "X-Original-Method", "X-Forwarded-Method",
	} {
		e.backend(nil)
		r := e.do("POST", "/things", "ursula/user", name, "DELETE")
		if r.status != 200 && r.status != 400 {
			t.Errorf("%s: %d", name, r.status)
		}
		for _, got := range e.reached() {
			for k, v := range got.Header {
				if got.Method != "POST" || slices.Contains(v, "DELETE") {
					t.Errorf("%s reached the back end as %s, %s", name, got.Method, k)
				}
			}
		}
	}
}

// A policy that looks at the host sees one name, however it is written.
func TestHostsAreOneName(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, `package gateway

decision := {"allow": false, "reason": "the inner host", "obligations": {}} if {
	input.request.host == "127.0.0.1"
} else := {"allow": true, "reason": "another host", "obligations": {}}
`))
	port := e.addr[strings.LastIndexByte(e.addr, ':'):]
	for _, host := range []string{"127.0.0.1", "127.0.0.1.", "127.0.0.1" + port, "127.0.0.1." + port, "127.0.0.1:80", "127.0.0.1:"} {
		e.backend(nil)
		r := e.raw("GET /x HTTP/1.1\r\nHost: " + host + "\r\nTest-User: ursula/user\r\nConnection: close\r\n\r\n")
		if len(e.reached()) > 0 || r.status == http.StatusOK && strings.Contains(r.body, "hello") {
			t.Errorf("%q: %d", host, r.status)
		}
	}
}

// opa-envoy-plugin told JSON by its Content-Type as it was spelled: another spelling hid the body from the policy.
func TestContentTypeInAnyCase(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, presence))
	for _, spelled := range []string{
		"application/json", "Application/JSON", "APPLICATION/JSON", "application/Json;charset=UTF-8", "application/json ; charset=\"utf-8\"", "application/vnd.x+JSON", " application/json ",
	} {
		e.echo()
		if r := e.post("/things", `{"admin":true}`, "Content-Type", spelled); r.status != 403 || len(e.reached()) > 0 {
			t.Errorf("%q: %d", spelled, r.status)
		}
		if r := e.post("/things", `{"text":"x"}`, "Content-Type", spelled); r.status != 200 {
			t.Errorf("%q, a good body: %d", spelled, r.status)
		}
	}
}
