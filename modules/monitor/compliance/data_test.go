package compliance

import (
	"os"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

func openDB(t *testing.T) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *database.DB, q string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), q, args...); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

// What stands in the data is counted as the checks mean it, on both databases.
func TestRead(t *testing.T) {
	db := openDB(t)
	ago := func(d time.Duration) int64 { return database.Micros(noon.Add(-d)) }
	for _, a := range []struct {
		name, roles, kind string
		disabled          int
		made, seen        int64
	}{
		{"ada", "user,admin", "person", 0, ago(200 * day), ago(day)},          // with a factor
		{"mona", "moderator", "person", 0, ago(200 * day), ago(day)},          // without
		{"gone", "admin", "person", 1, ago(200 * day), 0},                     // disabled: counts for nothing
		{"old", "user", "person", 0, ago(200 * day), ago(100 * day)},          // stale
		{"new", "user", "person", 0, ago(day), 0},                             // never seen, but new
		{"root", "administrators", "person", 0, ago(10 * day), ago(day)},      // a name that everybody tries; the role is another
		{"backup", "user", "service", 0, ago(200 * day), 0},                   // nobody signs in to it
		{"metrics", "user", "service", 0, ago(200 * day), ago(100 * day)},     // as well
		{"guest", "user", "person", 1, ago(200 * day), database.Micros(noon)}, // disabled
	} {
		exec(t, db, `INSERT INTO accounts (id, username, roles, kind, password, disabled, created_at, password_changed_at, last_auth_at) VALUES (?, ?, ?, ?, '', ?, ?, 0, ?)`,
			a.name, a.name, a.roles, a.kind, a.disabled, a.made, a.seen)
	}
	exec(t, db, `INSERT INTO second_factors (id, account, kind, secret, created_at) VALUES ('f', 'ada', 'totp', ?, 0)`, []byte{1})
	for i, s := range []string{"backup", "metrics"} {
		exec(t, db, `INSERT INTO services (account, scopes) VALUES (?, 'a')`, s)
		exec(t, db, `INSERT INTO service_keys (account, kid, jwk, created_at, used_at) VALUES (?, 'k', '{}', ?, ?)`, s, ago(200*day), []int64{ago(100 * day), ago(day)}[i])
	}
	for id, used := range map[string]int64{"stale": 0, "fresh": ago(day)} {
		exec(t, db, `INSERT INTO tokens (id, account, kind, name, hash, scopes, created_at, expires_at, used_at) VALUES (?, 'ada', 'personal', '', ?, 'a', ?, ?, ?)`, id, id, ago(100*day), ago(-day), used)
	}
	exec(t, db, `INSERT INTO tokens (id, account, kind, name, hash, scopes, created_at, expires_at) VALUES ('ended', 'ada', 'personal', '', 'ended', 'a', ?, ?)`, ago(200*day), ago(day))
	for name, rotated := range map[string]int64{"room/a": 0, "room/b": ago(10 * day)} {
		exec(t, db, `INSERT INTO data_keys (id, name, state, wrapped, master, versions, revision, created_at, rotated_at, wrapped_at) VALUES (?, ?, 'active', ?, 'm', 1, 1, ?, ?, 0)`,
			name, name, []byte{1}, map[string]int64{"room/a": ago(20 * day), "room/b": ago(400 * day)}[name], rotated)
	}
	for id, i := range map[string]struct {
		state  string
		level  int
		opened int64
	}{"a": {"open", 3, ago(2 * day)}, "b": {"open", 2, ago(2 * day)}, "c": {"open", 4, ago(time.Hour)}, "d": {"triaged", 4, ago(2 * day)}} {
		exec(t, db, `INSERT INTO incidents (id, state, level, title, first_at, last_at, opened, acknowledged, closed, owner, closer, findings, merged) VALUES (?, ?, ?, '', 0, 0, ?, 0, 0, '', '', 1, '')`,
			id, i.state, i.level, i.opened)
	}
	exec(t, db, `INSERT INTO alerts (id, channel, grouped, state, level, incidents, escalation, created, next_at, tries, sent, detail) VALUES ('x', 'c', '', 'dead', 3, '[]', 0, ?, 0, 1, 0, '')`, ago(day))
	exec(t, db, `INSERT INTO reviews (id, title, state, scope, stale, at, by_whom, due, lines, closed, signer, statement, digest, version) VALUES ('r', '', 'signed', '', 0, 0, '', 0, 0, ?, '', '', '', 1), ('s', '', 'cancelled', '', 0, 0, '', 0, 0, ?, '', '', '', 1)`,
		ago(9*day), ago(day))

	f := &Facts{At: noon}
	if err := f.Read(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if want := (Accounts{Operators: 2, OperatorsNoFactor: 1, Stale: 1, StaleKeys: 2, Default: 1, People: 5, ServiceKeys: 2, Personal: 2}); *f.Accounts != want {
		t.Errorf("accounts: %+v, not %+v", *f.Accounts, want)
	}
	if f.DataKeys.Sets != 2 || !f.DataKeys.Oldest.Equal(noon.Add(-20*day)) {
		t.Errorf("data keys: %+v", f.DataKeys)
	}
	if *f.Incidents != (Incidents{Waiting: 1, DeadAlerts: 1}) {
		t.Errorf("incidents: %+v", f.Incidents)
	}
	if !f.Reviews.Last.Equal(noon.Add(-9 * day)) {
		t.Errorf("reviews: %+v", f.Reviews)
	}
}

// What can't be read is unknown, and the rest is read all the same.
func TestReadWithoutATable(t *testing.T) {
	db := openDB(t)
	exec(t, db, `DROP TABLE service_keys`)
	f := &Facts{At: noon}
	if err := f.Read(t.Context(), db); err == nil || f.Accounts != nil || f.DataKeys == nil || f.Incidents == nil || f.Reviews == nil {
		t.Errorf("%v, %+v", err, f)
	}
}

func TestSigningKeys(t *testing.T) {
	k := SigningKeys([]keyring.Key{{ID: "a", State: "ended"}, {ID: "b", State: keyring.Signing, From: noon}, {ID: "c", State: keyring.Next}})
	if k.Signing != 1 || !k.Since.Equal(noon) {
		t.Errorf("%+v", k)
	}
}
