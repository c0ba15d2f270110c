package database_test

import (
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// Who had an authenticator app before there were other factors has it still, with its spent codes.
func TestFactorsSurviveTheirMigration(t *testing.T) {
	config := dbtest.New(t)
	db := open(t, config)
	if err := database.DownTo(t.Context(), db, 3); err != nil {
		t.Fatal(err)
	}
	exec := func(q string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), q, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES ('A', 'mona', 'user', 'x', 1, 1)`)
	exec(`INSERT INTO second_factors (id, account, kind, secret, last_step, created_at, used_at) VALUES ('F', 'A', 'totp', ?, 1234567890123, 5, 6)`, []byte("sealed"))

	db = open(t, config) // brings the tables up to date
	var account, kind, name, credential string
	var secret []byte
	var counter, created, used int64
	err := db.QueryRow(t.Context(), `SELECT account, kind, name, credential, secret, counter, created_at, used_at FROM second_factors WHERE id = 'F'`).
		Scan(&account, &kind, &name, &credential, &secret, &counter, &created, &used)
	if err != nil || account != "A" || kind != "totp" || name != "" || credential != "" || string(secret) != "sealed" || counter != 1234567890123 || created != 5 || used != 6 {
		t.Fatal(account, kind, name, credential, secret, counter, created, used, err)
	}
	// Several of a kind, and the factors go with the account.
	exec(`INSERT INTO second_factors (id, account, kind, secret, created_at) VALUES ('G', 'A', 'totp', ?, 7)`, []byte("sealed"))
	exec(`DELETE FROM accounts WHERE id = 'A'`)
	var n int
	if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM second_factors`).Scan(&n); err != nil || n != 0 {
		t.Fatal(n, err)
	}
}

func TestACredentialIsThereOnce(t *testing.T) {
	db := open(t, dbtest.New(t))
	add := func(id, credential string) error {
		_, err := db.Exec(t.Context(), `INSERT INTO second_factors (id, account, kind, secret, credential, created_at) VALUES (?, 'A', 'webauthn', ?, ?, 1)`, id, []byte("x"), credential)
		return err
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES ('A', 'mona', 'user', 'x', 1, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := add("F", "hash"); err != nil {
		t.Fatal(err)
	}
	if err := add("G", "hash"); !database.IsDuplicate(err) {
		t.Fatal(err)
	}
	for _, id := range []string{"H", "I"} { // what is no credential has none
		if err := add(id, ""); err != nil {
			t.Fatal(err)
		}
	}
}
