package identity

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUserCommandOnLives(t *testing.T) {
	dir := t.TempDir()
	at := func(args ...string) []string { return append(args, "--data", dir) }
	run(t, password, at("add", "ursula", "--email", "Ursula@example.org")...)
	run(t, password, at("add", "petra", "--role", "moderator")...)
	var u listed
	if err := json.Unmarshal([]byte(run(t, "", at("show", "URSULA@example.org", "--json")...)), &u); err != nil || u.Username != "ursula" || u.Email != "Ursula@example.org" || !u.EmailVerified {
		t.Fatalf("%+v %v", u, err)
	}
	// Of an event, whose id is all that it tells.
	if out := run(t, "", at("show", u.ID)...); !strings.Contains(out, "ursula") || !strings.Contains(out, "active") || strings.Contains(out, "argon2") {
		t.Fatal(out)
	}
	for args, want := range map[string]string{"--search=urs": "ursula", "--role=moderator": "petra", "--search=ursula@example.org": "ursula", "--state=disabled": ""} {
		var all []listed
		if err := json.Unmarshal([]byte(run(t, "", at("list", "--json", args)...)), &all); err != nil || want == "" && len(all) != 0 || want != "" && (len(all) != 1 || all[0].Username != want) {
			t.Errorf("%s: %+v %v", args, all, err)
		}
	}
	run(t, "", at("email", "petra", "petra@example.org")...)
	run(t, "", at("totp", "petra")...)
	for _, c := range []string{"unlock", "end-sessions", "reset-factors", "disable", "enable"} {
		run(t, "", at(c, "petra@example.org")...)
	}
	out := run(t, "", at("export", "petra")...)
	var exported map[string]any
	if err := json.Unmarshal([]byte(out), &exported); err != nil || !strings.Contains(out, "petra@example.org") || strings.Contains(out, "argon2") {
		t.Fatal(out, err)
	}
	out = run(t, "", at("invite", "--role", "user")...)
	if !strings.HasPrefix(out, "invitation: ") || !strings.Contains(out, "/auth/invite#") {
		t.Fatal(out)
	}
	// Erasure asks again, and is for good.
	if _, err := try("petri\n", at("erase", "petra")...); err == nil || !strings.Contains(err.Error(), "nothing was erased") {
		t.Fatal(err)
	}
	run(t, "petra\n", at("erase", "petra")...)
	run(t, "", at("erase", u.ID, "--yes")...)
	run(t, password, at("add", "mona")...)
	if _, err := try(password, at("add", "petra")...); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Fatal("the name was given away:", err)
	}
	for args, want := range map[string]string{
		"list --state nope": "active, disabled or approval", "approve mona": "waits for no approval",
		"show petra": "not found", "erase petra --yes": "not found", "approve nobody": "not found", "email nobody x@y.example": "not found",
		"invite nonsense": "no mail address", "invite --life 9999h": "at most 90 days",
	} {
		if _, err := try("", at(strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// The command knows the gateway's rules for passwords and the address of its links.
func TestUserCommandKnowsTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "gateway.json")
	if err := os.WriteFile(config, []byte(`{"apps":{"gateway":{"data_dir":"`+dir+`/data","identity":{"public_url":"https://chat.example.org","registration":{"mode":"invitation","role":"premium"},
		"passwords":{"min_length":30}}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := try(password, "add", "ursula", "--config", config); err == nil || !strings.Contains(err.Error(), "at least 30") {
		t.Fatal(err)
	}
	run(t, "", "add", "ursula", "--generate", "--config", config)
	if out := run(t, "", "invite", "--config", config); !strings.HasPrefix(out, "invitation: https://chat.example.org/auth/invite#") {
		t.Fatal(out)
	}
}
