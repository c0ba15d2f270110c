package protect

import (
	"net/http"
	"testing"
)

// Nor by a request for a file that has a body.
func TestARequestForAFileBringsNothing(t *testing.T) {
	e := newEnv(t, "file GET /files/{id} {\n\tkey_set all\n\trecord file {id}\n}", "")
	e.backend(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if r := e.send("GET", "/files/f1", "application/json", `{"text":"x"}`, "Test-Encrypt", "text"); r.status != http.StatusServiceUnavailable || len(e.got) != 0 {
		t.Errorf("%d, %d reached the back end", r.status, len(e.got))
	}
}

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
