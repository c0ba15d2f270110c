package account

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestNormaliseEmail(t *testing.T) {
	for typed, want := range map[string]string{
		" Ursula@Example.ORG ": "Ursula@example.org", "u.r+tag@bücher.example": "u.r+tag@xn--bcher-kva.example",
		"o'neil@a.b": "o'neil@a.b", "a@b-c.example": "a@b-c.example", "a@ｅxample.org": "a@example.org",
	} {
		if got, err := NormaliseEmail(typed); err != nil || got != want {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
	for _, typed := range []string{
		"", "@", "a", "a@", "@b.example", "a@b", "a@localhost", "a@@b.example", "a@b@c.example", "a b@c.example", "a@b c.example", ".a@b.example", "a.@b.example",
		"a..b@c.example", `"a b"@c.example`, "a@[192.0.2.1]", "a@192.0.2.1", "a@b.example\r\nBcc: eve@evil.example", "a\r\nRCPT TO:<eve@evil.example>@b.example",
		"a@b.example,eve@evil.example", "a@b.example;eve@evil.example", "<a@b.example>", "a(c)@b.example", "a\x00@b.example", "a@b\x00.example", "а@b.example", "ａ@b.example", "a@-b.example",
		"a@b-.example", "a@b..example", "a@.example", "a@b.example.", "a@b_c.example", strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("a.", 130) + "example", "\xff@b.example",
		"ın@b.example", "a%0d%0a@" + strings.Repeat("b", 64) + ".example",
	} {
		if got, err := NormaliseEmail(typed); err != ErrEmail {
			t.Errorf("%q became %q", typed, got)
		}
	}
}

func TestNormaliseEmailProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		email, err := NormaliseEmail(rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z.+]{1,8}@[a-zäÖ-]{1,5}\.[a-z]{2,4}`)).Draw(t, "typed"))
		if err != nil {
			return
		}
		if again, err := NormaliseEmail(email); err != nil || again != email {
			t.Fatalf("%q is not the one spelling: %q %v", email, again, err)
		}
		for i := range len(email) {
			if email[i] <= ' ' || email[i] >= 0x7f || strings.IndexByte(`<>,;:"()[]\`, email[i]) >= 0 {
				t.Fatalf("%q can't stand in a mail's head", email)
			}
		}
	})
}

func TestAddresses(t *testing.T) {
	h := newHouse(t)
	ursula := h.person("ursula", "Ursula@Example.org")
	petra := h.person("petra", "")
	for _, typed := range []string{"ursula@example.org", "URSULA@EXAMPLE.ORG", " Ursula@example.org"} {
		if a, err := h.ByEmail(ctx, typed); err != nil || a.ID != ursula.ID {
			t.Errorf("%q: %v", typed, err)
		}
		if a, err := h.Authenticate(ctx, typed, testPassword); err != nil || a.ID != ursula.ID {
			t.Errorf("login as %q: %v", typed, err)
		}
	}
	for _, typed := range []string{"", "@", "petra@example.org", "ursula@example.com", "ursula"} {
		if _, err := h.ByEmail(ctx, typed); err != ErrNotFound {
			t.Errorf("%q: %v", typed, err)
		}
	}
	verified := true
	set := func(id, email string) error {
		return h.tx(func(tx *database.Tx) error { return h.SetEmail(ctx, tx, noon, id, email, verified) })
	}
	if err := set(petra.ID, "URSULA@example.org"); !errors.Is(err, ErrEmailTaken) {
		t.Fatal("an address was given twice:", err)
	}
	if err := set(petra.ID, "petra@"); err != ErrEmail {
		t.Fatal(err)
	}
	if err := set(petra.ID, "Petra@example.org"); err != nil {
		t.Fatal(err)
	}
	// What nobody has proved to read finds nobody, and keeps its owner from nothing.
	verified = false
	if err := set(petra.ID, "ursula@example.org"); err != nil {
		t.Fatal(err)
	}
	p, err := h.Profile(ctx, petra.ID)
	if err != nil || p.Email != "ursula@example.org" || p.EmailVerified {
		t.Fatalf("%+v %v", p, err)
	}
	if a, err := h.ByEmail(ctx, "ursula@example.org"); err != nil || a.ID != ursula.ID {
		t.Fatal("an unverified address finds an account:", err)
	}
	// Without addresses, people do not collide on the empty one.
	if err := errors.Join(set(petra.ID, ""), set(ursula.ID, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ByEmail(ctx, "petra@example.org"); err != ErrNotFound {
		t.Fatal(err)
	}
}

// Every change of the address voids logins and tickets that began before.
func TestANewAddressIsANewRevision(t *testing.T) {
	h := newHouse(t)
	a := h.person("ursula", "")
	b := h.person("eve", "eve@example.org")
	if now, err := h.ByID(ctx, b.ID); err != nil || now.Revision == b.Revision {
		t.Fatal(now.Revision, err)
	}
	if now, err := h.ByID(ctx, a.ID); err != nil || now.Revision != a.Revision {
		t.Fatal(now.Revision, err)
	}
}

func TestPersonalValuesAreSealedWhereTheyRest(t *testing.T) {
	h := newHouse(t)
	a, b := h.person("ursula", "ursula@example.org"), h.person("eve", "eve@example.org")
	if err := h.tx(func(tx *database.Tx) error { return h.SetDisplayName(ctx, tx, a.ID, "Ursula Ü.") }); err != nil {
		t.Fatal(err)
	}
	var email, name, key []byte
	if err := h.db.QueryRow(ctx, `SELECT a.email, a.display_name, k.secret FROM accounts a JOIN account_keys k ON k.account = a.id WHERE a.id = ?`,
		a.ID).Scan(&email, &name, &key); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(email, []byte("ursula")) || bytes.Contains(name, []byte("Ursula")) {
		t.Fatal("a person's value lies open in the database")
	}
	for move, q := range map[string]string{
		"to another column": `UPDATE accounts SET display_name = email WHERE id = '` + a.ID + `'`,
		"to another row":    `UPDATE accounts SET email = (SELECT o.email FROM accounts o WHERE o.id = '` + a.ID + `') WHERE id = '` + b.ID + `'`,
	} {
		if _, err := h.db.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{a.ID, b.ID} {
			if p, err := h.Profile(ctx, id); err == nil && (p.DisplayName == "ursula@example.org" || id == b.ID && p.Email == "ursula@example.org") {
				t.Fatal("moved", move, "a value opens")
			}
		}
	}
	// Another person's key opens nothing, also when it is put in the place of one's own.
	if _, err := h.db.Exec(ctx, `UPDATE account_keys SET secret = ? WHERE account = ?`, key, b.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Profile(ctx, b.ID); err == nil {
		t.Fatal("a data key moved to another person was used")
	}
}

func TestErasure(t *testing.T) {
	h := newHouse(t)
	a := h.person("ursula", "ursula@example.org")
	var sealed []byte
	if err := h.db.QueryRow(ctx, `SELECT email FROM accounts`).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if plain, err := h.UnsealOwn(ctx, a.ID, sealed, emailPlace(a.ID)); err != nil || string(plain) != "ursula@example.org" {
		t.Fatal(err)
	}
	if err := h.tx(func(tx *database.Tx) error { return h.Erase(ctx, tx, noon, a) }); err != nil {
		t.Fatal(err)
	}
	// A copy of the value, in a backup or a log, can't be read any more.
	if _, err := h.UnsealOwn(ctx, a.ID, sealed, emailPlace(a.ID)); err != ErrErased {
		t.Fatal(err)
	}
	if _, err := h.ByName(ctx, "ursula"); err != ErrNotFound {
		t.Fatal(err)
	}
	// The name is nobody's any more, in no spelling, and does not stand in the database.
	for _, name := range []string{"ursula", "URSULA", "ｕrsula"} {
		if err := h.tx(func(tx *database.Tx) error {
			_, err := h.Create(ctx, tx, noon, name, []string{"user"}, "x")
			return err
		}); err != ErrExists {
			t.Errorf("%q was given away: %v", name, err)
		}
	}
	var index string
	if err := h.db.QueryRow(ctx, `SELECT name_index FROM reserved_names`).Scan(&index); err != nil || strings.Contains(index, "ursula") {
		t.Fatal(index, err)
	}
	// The address is free: it is the person's, who may come back.
	h.person("ursula2", "ursula@example.org")
	if err := h.tx(func(tx *database.Tx) error { return h.Erase(ctx, tx, noon, a) }); err != ErrNotFound {
		t.Fatal(err)
	}
}

func TestDisplayNames(t *testing.T) {
	h := newHouse(t)
	a := h.person("ursula", "")
	for typed, want := range map[string]string{"  Ursula   Übel ": "Ursula Übel", "": "", "山田 太郎": "山田 太郎", "O’Neil (she)": "O’Neil (she)", "a\tb": "a b"} {
		if err := h.tx(func(tx *database.Tx) error { return h.SetDisplayName(ctx, tx, a.ID, typed) }); err != nil {
			t.Fatalf("%q: %v", typed, err)
		}
		if p, err := h.Profile(ctx, a.ID); err != nil || p.DisplayName != want {
			t.Errorf("%q: %q %v", typed, p.DisplayName, err)
		}
	}
	for _, typed := range []string{"a\x00b", "admin\u202enimda", "a\u200bb", "\ufeffa", "a\x1b[31m", strings.Repeat("a", 65), "\xff", "\ue000"} {
		if err := h.tx(func(tx *database.Tx) error { return h.SetDisplayName(ctx, tx, a.ID, typed) }); err != ErrDisplayName {
			t.Errorf("%q was taken: %v", typed, err)
		}
	}
	for _, l := range []string{"de", "en-GB", ""} {
		if err := h.tx(func(tx *database.Tx) error { return h.SetLocale(ctx, tx, a.ID, l) }); err != nil {
			t.Errorf("%q: %v", l, err)
		}
	}
	for _, l := range []string{"../x", "DE", "de_DE", "d", "de-" + strings.Repeat("a", 9), "de\n"} {
		if err := h.tx(func(tx *database.Tx) error { return h.SetLocale(ctx, tx, a.ID, l) }); err != ErrLocale {
			t.Errorf("%q was taken: %v", l, err)
		}
	}
}

// Erased is erased: neither the data key, nor what it opens, nor the name is left in the file's free pages.
func TestErasureLeavesNothingInTheFile(t *testing.T) {
	config := dbtest.New(t)
	if dbtest.Postgres() {
		return // what PostgreSQL leaves behind is vacuumed by itself
	}
	h := openHouse(t, config)
	a := h.person("ursula-the-erased", "ursula@example.org")
	for i := range 20 { // others around
		h.person("user"+strings.Repeat("x", i%9)+string(rune('a'+i)), "")
	}
	var email, key []byte
	var hash string
	if err := h.db.QueryRow(ctx, `SELECT a.email, a.password, k.secret FROM accounts a JOIN account_keys k ON k.account = a.id WHERE a.id = ?`, a.ID).Scan(&email, &hash, &key); err != nil {
		t.Fatal(err)
	}
	found := func() (what []string) {
		t.Helper()
		if _, err := h.db.Exec(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{config.SQLite, config.SQLite + "-wal"} {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for secret, b := range map[string][]byte{"key": key, "address": email, "hash": []byte(hash), "name": []byte(a.Name)} {
				if bytes.Contains(raw, b) {
					what = append(what, secret)
				}
			}
		}
		return what
	}
	if len(found()) != 4 {
		t.Fatal("the test does not see what is there")
	}
	if err := h.tx(func(tx *database.Tx) error { return h.Erase(ctx, tx, noon, a) }); err != nil {
		t.Fatal(err)
	}
	if left := found(); len(left) > 0 {
		t.Errorf("the file still holds %q", left)
	}
}
