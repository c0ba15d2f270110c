package auditlog

import (
	"strings"
	"testing"
)

// An event that was acknowledged is in the log, and nothing of it that tells of a person can be read there.
func TestEventsAreKeptAndSealed(t *testing.T) {
	h := newHouse(t)
	l := h.open(h.options())
	h.emit(l, 20, 7)
	raw := h.raw()
	for i := range 20 {
		if want := `"http.request.id":"` + request(h.now, i).RequestID + `"`; strings.Count(raw, want) != 1 {
			t.Errorf("%s is there %d times", want, strings.Count(raw, want))
		}
	}
	for _, secret := range []string{"192.0.2.", "user-1", "session-", "Mozilla", "/api/rooms", "a member"} {
		if strings.Contains(raw, secret) {
			t.Errorf("%q can be read in the log", secret)
		}
	}
	h.close(l)
	again := h.open(h.options())
	if again.Origin() != l.Origin() || again.Size() < l.Size() {
		t.Error("it did not go on:", h.errors())
	}
	h.emit(again, 5, 5)
	h.close(again)
	if h.errors() != "" {
		t.Error(h.errors())
	}
}
