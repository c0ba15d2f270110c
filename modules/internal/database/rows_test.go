package database

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

func TestStatements(t *testing.T) {
	for q, want := range map[string]string{
		`INSERT INTO accounts (id, username, roles, password) VALUES (?, ?, ?, ?)`:                                       "accounts insert id=a0",
		`INSERT INTO grants (object, subject, relation, kind) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = 1`:      "grants insert object=a0 relation=a2",
		`INSERT INTO devices (id, account, secret, user_agent) VALUES (?, ?, ?, '')`:                                     "devices insert account=a1 id=a0",
		`INSERT INTO review_lines (review, n, kind) VALUES (?, ?, ?), (?, ?, ?)`:                                         "review_lines insert n=a1 review=a0",
		`INSERT INTO services (account, scopes) VALUES ('x', ?)`:                                                         "services insert ",
		`UPDATE accounts SET revision = revision + 1, password = ? WHERE id = ?`:                                         "accounts update id=a1",
		`UPDATE accounts SET password = ? WHERE id = ? AND password = ?`:                                                 "accounts update id=a1",
		`UPDATE accounts SET last_auth_at = ? WHERE id = ? AND revision = ?`:                                             "  ",
		`UPDATE accounts SET code_failures = code_failures + 1, code_locked_until = CASE WHEN 1 THEN ? END WHERE id = ?`: "  ",
		`UPDATE sessions SET ended_at = ?, reason = ? WHERE account = ? AND ended_at = 0 AND id <> ?`:                    "sessions update account=a2",
		`UPDATE sessions SET refresh = ?, previous = ?, used_at = ? WHERE id = ?`:                                        "  ",
		`UPDATE tokens SET ended_at = ?, reason = ? WHERE account = ? AND expires_at > ? RETURNING id`:                   "tokens update account=a2",
		`DELETE FROM grants WHERE subject = ?`:                                                                           "grants delete ",
		`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < ? LIMIT 500)`:                        "sessions delete ",
		`DELETE FROM outbox WHERE id = ?`:                                                                                "  ",
		`SELECT id FROM accounts WHERE id = ?`:                                                                           "  ",
		``:                                                                                                               "  ",
	} {
		table, operation, key := statement(q, []any{"a0", "a1", "a2", "a3"})
		if got := table + " " + operation + " " + key; got != want {
			t.Errorf("%s\n is %q, want %q", q, got, want)
		}
	}
}

// Each table is told, or there is a reason.
func TestEveryTableIsToldOrHasAReason(t *testing.T) {
	db, err := OpenScratch(t.Context(), filepath.Join(t.TempDir(), "all.db"), Latest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables, err := db.Tables(t.Context())
	if err != nil || len(tables) < 30 {
		t.Fatal(len(tables), err)
	}
	known := map[string]bool{}
	for _, table := range tables {
		known[table.Name] = true
		columns := map[string]bool{}
		for _, c := range table.Columns {
			columns[c.Name] = true
		}
		is, ok := told[table.Name]
		if ok == (untold[table.Name] != "") {
			t.Errorf("%s: either its changes are told, or there is a reason not to", table.Name)
		}
		for _, c := range append(is.keys, is.bookkeeping...) {
			if !columns[c] {
				t.Errorf("%s has no column %s", table.Name, c)
			}
		}
	}
	for name := range told {
		if !known[name] {
			t.Errorf("there is no table %s", name)
		}
	}
	for name := range untold {
		if !known[name] {
			t.Errorf("there is no table %s", name)
		}
	}
}

// What is committed is told once, what is rolled back never, and no value of another column.
func TestObserve(t *testing.T) {
	db, err := OpenScratch(t.Context(), filepath.Join(t.TempDir(), "all.db"), Latest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var seen []string
	stop := db.Observe(func(ctx context.Context, rows []Rows) {
		for _, r := range rows {
			seen = append(seen, fmt.Sprintf("%s %s %s %d %v", Actor(ctx), r.Operation, r.Table, r.Count, r.Keys))
		}
	})
	ctx := As(t.Context(), "command")
	ban := func(tx *Tx, prefix string) error {
		_, err := tx.Exec(ctx, `INSERT INTO bans (prefix, reason, source, created, expires) VALUES (?, ?, ?, ?, ?)`, prefix, "the reason", "operator", 1, 0)
		return err
	}
	if err := db.InTx(ctx, func(tx *Tx) error { return errors.Join(ban(tx, "192.0.2.1/32"), ban(tx, "192.0.2.2/32")) }); err != nil {
		t.Fatal(err)
	}
	rolled := errors.New("no")
	if err := db.InTx(ctx, func(tx *Tx) error { return errors.Join(ban(tx, "192.0.2.3/32"), rolled) }); !errors.Is(err, rolled) {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, `DELETE FROM bans WHERE prefix = ?`, "192.0.2.1/32"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, `DELETE FROM bans WHERE prefix = ?`, "198.51.100.1/32"); err != nil { // nobody's
		t.Fatal(err)
	}
	stop()
	if _, err := db.Exec(ctx, `DELETE FROM bans`); err != nil {
		t.Fatal(err)
	}
	want := `[command insert bans 2 [prefix=192.0.2.1/32 prefix=192.0.2.2/32] command delete bans 1 [prefix=192.0.2.1/32]]`
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("told\n%s, want\n%s", got, want)
	}
	many := []Rows(nil)
	for i := range 20 {
		many = note(many, `DELETE FROM bans WHERE prefix = ?`, []any{fmt.Sprint(i)}, one{})
	}
	if len(many) != 1 || many[0].Count != 20 || len(many[0].Keys) != mostKeys {
		t.Errorf("%+v", many)
	}
}

// A reload that fails ends its observer; that of the configuration in force is told on.
func TestObserveAfterAReloadThatFailed(t *testing.T) {
	db, err := OpenScratch(t.Context(), filepath.Join(t.TempDir(), "all.db"), Latest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	told := map[string]int{}
	observe := func(name string) func() {
		return db.Observe(func(_ context.Context, rows []Rows) { told[name] += len(rows) })
	}
	change := func(prefix string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), `INSERT INTO bans (prefix, reason, source, created, expires) VALUES (?, ?, ?, ?, ?)`, prefix, "the reason", "operator", 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	inForce := observe("in force")
	refused := observe("refused")
	change("192.0.2.1/32")
	refused()
	change("192.0.2.2/32")
	next := observe("next")
	inForce()
	change("192.0.2.3/32")
	next()
	change("192.0.2.4/32")
	if told["in force"] != 1 || told["refused"] != 1 || told["next"] != 1 {
		t.Errorf("told %v, want each once", told)
	}
}

type one struct{ uncounted }

func (one) RowsAffected() (int64, error) { return 1, nil }
