package database

import "testing"

func TestSummary(t *testing.T) {
	for q, want := range map[string][2]string{
		`SELECT a FROM grants WHERE b = ?`:                           {"SELECT", "grants"},
		"INSERT INTO sessions(id, b) VALUES (?, ?)":                  {"INSERT", "sessions"},
		"update  accounts SET name = ?":                              {"UPDATE", "accounts"},
		`DELETE FROM bans`:                                           {"DELETE", "bans"},
		`SELECT (SELECT max(a) FROM feed), 1`:                        {"SELECT", "feed"},
		`INSERT INTO a (x) VALUES (?) ON CONFLICT DO UPDATE SET x=1`: {"INSERT", "a"},
		`VACUUM`: {"VACUUM", ""},
		``:       {"", ""},
	} {
		if does, table := summary(q); does != want[0] || table != want[1] {
			t.Errorf("%q: %s %s", q, does, table)
		}
	}
}
