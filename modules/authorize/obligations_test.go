package authorize

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// events are those of an action that were written so far; it waits for as many.
func (e *env) events(action string, want int) (found []map[string]any) {
	e.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		found = nil
		f, err := os.Open(filepath.Join(e.dir, "events", "events.jsonl"))
		if err != nil {
			e.t.Fatal(err)
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			var one map[string]any
			if err := json.Unmarshal(s.Bytes(), &one); err == nil && one["event.action"] == action { // the last line may be half written
				found = append(found, one)
			}
		}
		_ = f.Close()
		if len(found) >= want || time.Now().After(end) {
			return found
		}
	}
}

// What the policy says that a person is entitled to is there for rate limits, at their next request.
func TestTierIsRemembered(t *testing.T) {
	e := newEnv(t, "", withPolicy(t, `package gateway

decision := {"allow": true, "reason": "r", "obligations": {"tier": "premium"}} if {
	input.identity.roles[0] == "premium"
} else := {"allow": input.request.path == "/open", "reason": "r", "obligations": {"tier": "standard"}}
`))
	tiers := e.ground().Tiers
	e.expect(200, "GET", "/open", "")
	e.expect(403, "GET", "/closed", "ursula/user")
	if got := tiers.Of("id-ursula"); got != "" {
		t.Errorf("a refusal gives a tier: %q", got)
	}
	e.expect(200, "GET", "/open", "ursula/user")
	e.expect(200, "GET", "/open", "petra/premium")
	if rc := lastSeen(); rc.Decision.Tier != "premium" || rc.Decision.Revision == "" {
		t.Errorf("%+v", rc.Decision)
	}
	for subject, want := range map[string]string{"id-ursula": "standard", "id-petra": "premium", "": ""} {
		if got := tiers.Of(subject); got != want {
			t.Errorf("%q: %q, want %q", subject, got, want)
		}
	}
}

// What the policy calls an incident is an event: one, however often the same happens in a minute.
func TestIncidentsAreEvents(t *testing.T) {
	e := newEnv(t, "route GET /closed {\npermission app:restricted\n}\nsocket /ws {\npermission app:read\nin a {\npermission app:write\n}\n}", withPolicy(t, `package gateway

decision := {"allow": input.request.permission != "app:restricted", "reason": "emergency", "obligations": {"incident": "break-glass"}}
`))
	for range 3 {
		e.expect(200, "GET", "/x", "ursula/user")
		e.expect(403, "GET", "/closed", "ursula/user")
		e.expect(200, "GET", "/x", "petra/user")
	}
	l := dial(t, e, "/ws", "ursula/user")
	l.arrives(`{"type":"a"}`)
	l.arrives(`{"type":"a"}`)
	got := e.events("policy-incident", 5)
	var lines []string
	for _, one := range got {
		if one["gateway.incident.name"] != "break-glass" || one["event.reason"] != "emergency" || one["http.request.id"] == "" || one["source.ip"] != "192.0.2.1" {
			t.Errorf("%v", one)
		}
		lines = append(lines, strings.Join([]string{one["user.id"].(string), one["gateway.decision.permission"].(string), one["event.outcome"].(string)}, " "))
	}
	if want := "id-ursula app:read success, id-ursula app:restricted failure, id-petra app:read success, id-ursula app:read success, id-ursula app:write success"; strings.Join(lines, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(lines, ", "), want)
	}
}

func TestIncidentsAreBounded(t *testing.T) {
	s, now := &incidents{}, time.Now()
	for i := range 3 * maxIncidents {
		s.first(incident{subject: strings.Repeat("x", i%maxIncidents) + string(rune('a'+i/maxIncidents))}, now)
	}
	if len(s.told) > maxIncidents {
		t.Error(len(s.told))
	}
	one := incident{subject: "a"}
	if !s.first(one, now) || s.first(one, now.Add(incidentEvery-1)) || !s.first(one, now.Add(incidentEvery)) {
		t.Error("the same is told too often, or not again")
	}
}
