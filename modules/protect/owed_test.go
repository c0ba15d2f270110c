package protect

import (
	"net/http"
	"testing"
)

// What the policy wants encrypted, and nothing here encrypts, does not reach the back end.
func TestThePolicyWantsMembersEncrypted(t *testing.T) {
	const path = "/rooms/general/messages"
	for name, c := range map[string]struct{ block, fields string }{"with fields": {chat, chatFields}, "without": {}} {
		e, s := newEnv(t, c.block, c.fields), &store{}
		e.backend(s.serve)
		for member, covered := range map[string]bool{"text": true, "/text": true, "text.inner": true, "plain": false, "nothing.there": false, "/~": false} {
			want := http.StatusServiceUnavailable
			if covered && name == "with fields" {
				want = http.StatusCreated
			}
			if r := e.send("POST", path, "application/json", `{"text":"x","plain":"y"}`, "Test-Encrypt", member); r.status != want {
				t.Errorf("%s: %s: %d, want %d", name, member, r.status, want)
			}
			if r := e.send("GET", path, "", "", "Test-Encrypt", member); r.status != http.StatusOK {
				t.Errorf("%s: %s: a request without a body: %d", name, member, r.status)
			}
		}
	}
}
