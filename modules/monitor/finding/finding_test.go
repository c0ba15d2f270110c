package finding

import (
	"encoding/json"
	"testing"
)

func TestLevels(t *testing.T) {
	for l := Informational; l <= Critical; l++ {
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var back Level
		if err := json.Unmarshal(text, &back); err != nil || back != l {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	var l Level
	if err := json.Unmarshal([]byte(`"severe"`), &l); err == nil {
		t.Error("an unknown word is a level")
	}
	if Level(9).String() != "level 9" || !(Critical > High && Low > Informational) {
		t.Error("levels are not in order")
	}
}

// One caller is one subject, whichever address of its network it takes.
func TestSubjects(t *testing.T) {
	for _, c := range []struct{ field, value, want string }{
		{"source.ip", "192.0.2.7", "client:192.0.2.7"},
		{"source.ip", "::ffff:192.0.2.7", "client:192.0.2.7"},
		{"source.ip", "2001:db8:1:2:3::4", "client:2001:db8:1:2::/64"},
		{"source.ip", "fe80::1%eth0", "client:fe80::/64"},
		{"source.ip", "@", "client:@"},
		{"user.id", "u1", "user:u1"},
		{"gateway.resource.id", "general", "gateway.resource.id:general"},
	} {
		s := SubjectOf(c.field, c.value)
		if s.String() != c.want {
			t.Errorf("%s %s: %s", c.field, c.value, s)
		}
		if back, err := ParseSubject(s.String()); err != nil || back != s {
			t.Errorf("%s is read as %v, %v", s, back, err)
		}
	}
	if s, err := ParseSubject("client:2001:db8::5"); err != nil || s.ID != "2001:db8::/64" {
		t.Error(s, err)
	}
	for _, bad := range []string{"", "x", ":x", "x:"} {
		if _, err := ParseSubject(bad); err == nil {
			t.Errorf("%q is a subject", bad)
		}
	}
}

// Findings that differ have ids that differ, however their parts are cut.
func TestIDs(t *testing.T) {
	all := map[string]string{}
	for name, id := range map[string]string{
		"base":          ID("rule", []Subject{{"client", "a"}}, "e1"),
		"another event": ID("rule", []Subject{{"client", "a"}}, "e2"),
		"moved":         ID("rule", []Subject{{"clienta", ""}}, "e1"),
		"none":          ID("rule", nil, "e1"),
		"two":           ID("rule", []Subject{{"client", "a"}, {"user", "b"}}, "e1"),
		"joined":        ID("ruleclient", []Subject{{"a", ""}}, "e1"),
	} {
		if len(id) != 24 || all[id] != "" {
			t.Errorf("%s: %s, as %s", name, id, all[id])
		}
		all[id] = name
	}
	if id := ID("rule", []Subject{{"client", "a"}}, "e1"); all[id] != "base" {
		t.Error("the same finding has two ids")
	}
	f := Finding{Subjects: []Subject{{"client", "a"}}}
	if id, ok := f.Subject("client"); !ok || id != "a" {
		t.Error(id, ok)
	}
	if _, ok := f.Subject("user"); ok {
		t.Error("it has a user")
	}
}
