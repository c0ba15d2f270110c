package authorize

import (
	"strings"
	"testing"
)

// Skipper, GHSA-8qqm-fp2q-v734 (CVE-2026-65838) and GHSA-5gpm-rgj3-9q76 (CVE-2026-86043): a body larger than the policy is shown looked like no
// body, so that a policy which denies by what is present let it pass. Telling the policy that it was cut was not enough: policies
// did not ask, and without a Content-Length they were not told.
func TestOversizedBodyIsNotAnAbsentOne(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, presence))
	for what, forbidden := range map[string]string{
		"padded before": `{"padding":"` + strings.Repeat("x", 2<<10) + `","admin":true}`,
		"padded after":  `{"admin":true,"padding":"` + strings.Repeat("x", 2<<10) + `"}`,
		"white space":   strings.Repeat(" ", 2<<10) + `{"admin":true}`,
		"a byte more":   `{"admin":true,"padding":"` + strings.Repeat("x", 1025-len(`{"admin":true,"padding":""}`)) + `"}`,
		"many values":   `{"admin":true,"padding":[` + strings.Repeat("1,", 300) + `1]}`,
	} {
		// The fault: the policy has nothing against a request whose body it does not see.
		e.echo()
		if r := e.post("/open", forbidden); r.status != 200 || r.body != forbidden {
			t.Fatalf("%s: without `body`: %d", what, r.status)
		}
		for how, send := range map[string]func(string, string, ...string) reply{"length": e.post, "chunked": e.chunked} {
			e.echo()
			if r := send("/things", forbidden); r.status != 413 {
				t.Errorf("%s, %s: %d", what, how, r.status)
			}
			if len(e.reached()) > 0 {
				t.Errorf("%s, %s: it reached the back end", what, how)
			}
		}
	}
	// A message on a socket is cut no other way.
	l := dial(t, e, "/ws", "ursula/user")
	l.say(`{"type":"say","padding":"` + strings.Repeat("x", 64) + `","admin":true}`)
	l.closes(1008, "an oversized message")
}

// A policy that knows what it does may let pass what it has not seen, and then the back end gets all of it.
func TestTruncatedBodiesPassWhereThePolicySaysSo(t *testing.T) {
	e := newEnv(t, bodyBlock, withPolicy(t, `package gateway

decision := {"allow": true, "reason": "it may be large", "allow_truncated": true, "obligations": {}} if {
	input.truncated
	not input.body
} else := {"allow": false, "reason": "it must be large", "obligations": {}}
`))
	large := `{"padding":"` + strings.Repeat("x", 200<<10) + `"}`
	for how, send := range map[string]func(string, string, ...string) reply{"length": e.post, "chunked": e.chunked} {
		e.echo()
		if r := send("/things", large); r.status != 200 || r.body != large {
			t.Errorf("%s: %d, %d bytes", how, r.status, len(r.body))
		}
		if r := send("/things", `{}`); r.status != 403 {
			t.Errorf("%s: a small one: %d", how, r.status)
		}
	}
}
