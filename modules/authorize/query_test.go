package authorize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// asksForAdmin denies by presence: what it does not see passes.
const asksForAdmin = `package gateway

decision := {"allow": false, "reason": "admin"} if {
	input.request.query.admin
} else := {"allow": true, "reason": "nothing of admin"}
`

const deaf = `package gateway

decision := {"allow": true, "reason": "whatever it is"}
`

// ambiguousQueries are such that some server reads `admin` out of, or that have no one reading otherwise.
var ambiguousQueries = []string{
	"Admin=1", "admin[]=1", "admin%5B0%5D=1", "+admin=1", "x=1;admin=1", "x%26admin=1", "admin%3D1", "%2561dmin=1", "x=1#&admin=1", "admin=%zz", "admin=%", "x=%FF&admin=1", "x=\xff", "x=%00",
	"x=1&X=2", "x=1&x[]=2", strings.Repeat("a&", 128), "x=" + strings.Repeat("a", 8<<10),
}

// What servers read differently is refused before a policy that reads it is asked, and never reaches the back end.
func TestAmbiguousQueries(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, asksForAdmin))
	for _, q := range ambiguousQueries {
		e.backend(nil)
		if r := e.do("GET", "/x?"+q, "ursula/user"); r.status != 400 || len(e.reached()) > 0 {
			t.Errorf("%.40q: %d", q, r.status)
		}
	}
	for _, q := range []string{"admin=1", "x=1&admin", "%61dmin=", "admin=1&admin=2"} {
		if r := e.do("GET", "/x?"+q, "ursula/user"); r.status != 403 {
			t.Errorf("%q: %d", q, r.status)
		}
	}
	for _, q := range []string{"", "x=1&y=a+b%2Bc&y=2", "x=1%26admin=1", "&x[a]=1&x[b]=2"} {
		e.backend(nil)
		r := e.do("GET", "/x?"+q, "ursula/user")
		if got := e.reached(); r.status != 200 || len(got) != 1 || got[0].URL.RawQuery != q {
			t.Errorf("%q: %d %v", q, r.status, got)
		}
	}
	for _, one := range e.events("policy-decision", len(ambiguousQueries)) {
		if one["gateway.decision.failure"] != nil && one["gateway.decision.failure"] != "ambiguous" {
			t.Errorf("%v", one)
		}
	}
}

// Where the policy does not read the query, any passes. A reload changes it.
func TestQueriesThatThePolicyDoesNotRead(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, deaf))
	all := func(status int) {
		t.Helper()
		for _, q := range ambiguousQueries {
			if r := e.do("GET", "/x?"+q, "ursula/user"); r.status != status {
				t.Errorf("%.40q: %d, want %d", q, r.status, status)
			}
		}
	}
	all(200)
	if err := e.load("", withPolicy(t, asksForAdmin)); err != nil {
		t.Fatal(err)
	}
	all(400)
	if err := e.load("", ""); err != nil { // the shipped one
		t.Fatal(err)
	}
	all(200)
}

const adminSocket = `
	socket /ws {
		permission app:read
		in say {
			permission app:write
		}
	}
`

// Handshakes are requests; messages are decided with the query of theirs.
func TestQueriesOfHandshakes(t *testing.T) {
	e := newEnv(t, adminSocket, withPolicy(t, `package gateway

decision := {"allow": false, "reason": "read only"} if {
	input.message
	input.request.query.read_only[0] == "1"
} else := {"allow": true}
`))
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, q := range []string{"read.only=1", "Read_Only=1", "read_only=%zz", "x;read_only=1"} {
		if r := e.do("GET", "/ws?"+q, "ursula/user", upgrade...); r.status != 400 {
			t.Errorf("%q: %d", q, r.status)
		}
	}
	l := dial(t, e, "/ws?read_only=1", "ursula/user")
	l.say(`{"type":"say"}`)
	l.closes(websocket.StatusPolicyViolation, "read only")
	l = dial(t, e, "/ws?read_only=0", "ursula/user")
	l.arrives(`{"type":"say"}`)
}

// A socket that was opened while nobody looked at its query is closed once the policy does: it would not be opened now.
func TestOpenSocketsFollowAPolicyThatReadsTheQuery(t *testing.T) {
	for query, why := range map[string]string{"Admin=1": "the query has a parameter that some servers take for one that the policy asks for", "admin=1": "admin"} {
		folder := withPolicy(t, deaf)
		e := newEnv(t, rooms, folder)
		l := dial(t, e, "/ws/a?"+query, "ursula/user")
		name := filepath.Join(strings.TrimSuffix(strings.TrimPrefix(folder, `{"folder": "`), `"}`), "a.rego")
		if err := os.WriteFile(name, []byte(asksForAdmin), 0o600); err != nil {
			t.Fatal(err)
		}
		l.closes(websocket.StatusPolicyViolation, "after the policy has changed")
		if got := e.events("socket-refused", 1); len(got) != 1 || got[0]["event.reason"] != why {
			t.Errorf("%v", got)
		}
	}
}
