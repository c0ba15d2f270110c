package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// A running fleet on PostgreSQL is backed up, and comes up again as one gateway on SQLite, with the same people, passwords and second factors; and the
// other way round. Nobody's session comes with it.
func TestBackupOfARunningFleetIsRestoredElsewhere(t *testing.T) {
	s := fleet
	key, other := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "key")
	for _, k := range []string{key, other} {
		if code, out := s.a.Exec(t, "", "backup", "--new-key", k); code != 0 {
			t.Fatalf("a key: %d %s", code, out)
		}
	}
	before := s.a.Client(t).Login(t, s.users["petra"])
	file := filepath.Join(t.TempDir(), "fleet.backup")
	if code, out := s.a.Exec(t, "", "backup", file, "--config", s.a.Config, "--adapter", "caddyfile", "--key-file", key); code != 0 || !strings.Contains(out, "from postgres") {
		t.Fatalf("backup: %d %s", code, out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup: %v %v", info, err)
	}
	before.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK) // the fleet has not noticed

	if code, out := s.a.Exec(t, "", "restore", file, "--verify", "--key-file", other); code == 0 || !strings.Contains(out, "wrong passphrase") {
		t.Errorf("another key: %d %s", code, out)
	}
	if code, out := s.a.Exec(t, "", "restore", file, "--verify", "--key-file", key); code != 0 {
		t.Errorf("verify: %d %s", code, out)
	}
	// A fleet that runs is not pulled away from under its feet.
	if code, out := s.a.Exec(t, "", "restore", file, "--replace", "--config", s.a.Config, "--adapter", "caddyfile", "--key-file", key); code == 0 || !strings.Contains(out, "in use") {
		t.Errorf("into the running fleet: %d %s", code, out)
	}

	data := filepath.Join(t.TempDir(), "elsewhere")
	if code, out := s.a.Exec(t, "", "restore", file, "--data", data, "--key-file", key); code != 0 {
		t.Fatalf("restore: %d %s", code, out)
	}
	n := kit.Gateway(t, kit.Options{Name: "elsewhere", Data: data, Caddyfile: ownCaddyfile, Env: []string{"GW_UPSTREAM=" + strings.TrimPrefix(own.back.URL, "http://")}})
	old := before.On(t, n)
	old.Call(t, "GET", "/auth/api/session", nil).Problem(t, http.StatusUnauthorized)
	old.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": before.Refresh, "delivery": "body"}, kit.Bare()).Problem(t, http.StatusUnauthorized)
	for _, name := range []string{"petra", "mona"} { // mona has a second factor
		n.Client(t).Login(t, s.users[name]).Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
	}
	if code, out := n.Exec(t, "", "restore", file, "--replace", "--data", data, "--key-file", key); code == 0 || !strings.Contains(out, "in use") {
		t.Errorf("into the running gateway: %d %s", code, out)
	}

	// And back: what runs on SQLite goes into an empty PostgreSQL.
	back := filepath.Join(t.TempDir(), "back.backup")
	if code, out := n.Exec(t, "", "backup", back, "--data", data, "--key-file", key); code != 0 || !strings.Contains(out, "from sqlite") {
		t.Fatalf("backup: %d %s", code, out)
	}
	database := kit.StartPostgres(t).New(t, "again")
	again := filepath.Join(t.TempDir(), "again")
	if code, out := n.Exec(t, "", "restore", back, "--data", again, "--database", database, "--key-file", key); code != 0 {
		t.Fatalf("restore: %d %s", code, out)
	}
	m := kit.Gateway(t, kit.Options{Name: "again", Data: again, Caddyfile: ownCaddyfile, Env: []string{"GW_DATABASE=postgres " + database, "GW_UPSTREAM=" + strings.TrimPrefix(own.back.URL, "http://")}})
	m.Client(t).Login(t, s.users["petra"]).Call(t, "GET", "/auth/api/session", nil).Want(t, http.StatusOK)
}
