package lifecycle

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// tables with a column that names an account.
var tables = map[string]string{
	"accounts": "id", "account_keys": "account", "second_factors": "account", "recovery_codes": "account", "sessions": "account", "devices": "account",
	"login_countries": "account", "tokens": "account", "tickets": "account", "outbox": "account", "old_passwords": "account", "account_links": "account",
}

// furnish gives the account something in many of them.
func (h *house) furnish(a account.Account) {
	h.t.Helper()
	us := database.Micros(h.Now())
	err := h.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := h.Accounts.Touch(ctx, tx, a.ID); err != nil {
			return err
		}
		if _, err := h.Factors.AddTOTP(ctx, tx, h.Now(), a.ID, "my phone", factor.NewTOTPSecret(), 0); err != nil {
			return err
		}
		if _, err := h.Factors.RenewRecovery(ctx, tx, h.Now(), a.ID); err != nil {
			return err
		}
		for _, q := range []string{
			`INSERT INTO devices (id, account, secret, user_agent, ip, country, created_at, used_at) VALUES ('d', ?, 'SECRETHASH', 'Firefox', '192.0.2.7', 'DE', ?, ?)`,
			`INSERT INTO login_countries (account, country, used_at) VALUES (?, 'DE', ?)`,
			`INSERT INTO tokens (id, account, kind, name, hash, scopes, created_at, expires_at) VALUES ('t', ?, 'personal', 'my script', 'SECRETHASH2', 'app:read', ?, ?)`,
			`INSERT INTO old_passwords (account, at, password) VALUES (?, ?, 'SECRETPHC')`,
			`INSERT INTO grants (object, subject, relation, at) VALUES ('room:general', CAST(? AS TEXT), 'owner', ?)`,
		} {
			args := []any{a.ID, us, us}[:strings.Count(q, "?")]
			if strings.Contains(q, "grants") {
				args[0] = a.Name
			}
			if _, err := tx.Exec(ctx, q, args...); err != nil {
				return err
			}
		}
		links := federation.NewLinks(h.DB, h.Accounts, []byte("key"))
		if err := links.Add(ctx, tx, h.Now(), a.ID, federation.Person{Provider: "acme", Issuer: "https://id.example", Subject: "SECRETSUBJECT", Email: "u@id.example"}); err != nil {
			return err
		}
		_, err := h.Accounts.NewTicket(ctx, tx, h.Now(), account.Ticket{Kind: account.TicketEmail, Account: a.ID}, nil, time.Hour)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestErasureLeavesNothing(t *testing.T) {
	h := newHouse(t, Open)
	a, b := h.person("ursula", "ursula@example.org"), h.person("petra", "petra@example.org")
	mine := h.mustLogin("ursula", password)
	if _, err := h.sessions.Verify(ctx, mine.Tokens.Access); err != nil {
		t.Fatal(err)
	}
	h.furnish(h.again(a))
	told := make(chan string, 1)
	h.sessions.Watch(mine.Identity.Session, func(reason string) { told <- reason })
	feed := make(chan string, 16)
	defer h.sessions.Feed.Subscribe(grant.Topic, func(key string) { feed <- key })()
	if err := h.EraseOwn(ctx, h.again(a), caller(1)); err != nil {
		t.Fatal(err)
	}
	for table, column := range tables {
		var n int
		if err := h.DB.QueryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE `+column+` = ?`, a.ID).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s keeps %d rows: %v", table, n, err)
		}
	}
	var grants int
	if err := h.DB.QueryRow(ctx, `SELECT COUNT(*) FROM grants WHERE subject = 'ursula'`).Scan(&grants); err != nil || grants != 0 {
		t.Errorf("%d grants are left: %v", grants, err)
	}
	// What the audit log holds of them can be read no more, and no key is made again: the row that says so does not tell whose it was.
	var subject string
	var key []byte
	if err := h.DB.QueryRow(ctx, `SELECT subject, secret FROM audit_keys`).Scan(&subject, &key); err != nil || len(key) > 0 || strings.Contains(subject, a.ID) {
		t.Errorf("the audit log's key is there: %q, %d bytes, %v", subject, len(key), err)
	}
	// Sockets and tokens end, and every gateway forgets the grants.
	select {
	case <-told:
	case <-time.After(30 * time.Second):
		t.Error("an open socket was not told")
	}
	select {
	case key := <-feed:
		if key != "room:general" {
			t.Error(key)
		}
	case <-time.After(30 * time.Second):
		t.Error("the feed was not told of the grants")
	}
	if _, err := h.sessions.Verify(ctx, mine.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
		t.Error("a token outlived its person:", err)
	}
	if _, err := h.sessions.Refresh(ctx, mine.Tokens.Refresh); err != session.ErrSession {
		t.Error(err)
	}
	if _, err := h.login("ursula", password); err != session.ErrCredentials {
		t.Error(err)
	}
	if m := h.next(); m.To[0] != "ursula@example.org" || !strings.Contains(m.Text, "erased") {
		t.Errorf("%+v", m)
	}
	// Nobody inherits the name, by registration or by an operator.
	if _, err := h.Register(ctx, Registration{Username: "ursula", Email: "eve@example.org", Password: another}, caller(3)); err != nil {
		t.Fatal(err)
	}
	_, secret := link(t, h.next())
	if _, err := h.ConfirmRegistration(ctx, secret, another, "", caller(3)); !errors.Is(err, account.ErrExists) {
		t.Error("the name was given away:", err)
	}
	if _, err := h.Create(ctx, Operator{}, "Ursula", another, "", []string{"user"}, nil); !errors.Is(err, account.ErrExists) {
		t.Error("the name was given away by an operator:", err)
	}
	// Others are as they were, and the events tell the id alone.
	if p, err := h.Accounts.Profile(ctx, b.ID); err != nil || p.Email != "petra@example.org" {
		t.Error(p, err)
	}
	if text := h.events.text(); strings.Contains(text, "ursula") || h.events.count("account-erased") != 1 || !strings.Contains(text, a.ID) {
		t.Error(text)
	}
}

func TestExport(t *testing.T) {
	h := newHouse(t, Off)
	a, b := h.person("ursula", "ursula@example.org"), h.person("petra", "petra@example.org")
	h.mustLogin("ursula", password)
	h.mustLogin("petra", password)
	h.furnish(h.again(a))
	name := "Ursula Ü."
	if err := h.SetProfile(ctx, a.ID, &name, nil, caller(1)); err != nil {
		t.Fatal(err)
	}
	out, err := h.ExportOwn(ctx, h.again(a), caller(1))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, want := range []string{"ursula@example.org", "Ursula Ü.", "my phone", "192.0.2.1", "Firefox", `"DE"`, "my script", "room:general", "https://id.example", "u@id.example", `"created_at": "20`} {
		if !strings.Contains(text, want) {
			t.Errorf("the export lacks %q", want)
		}
	}
	// No secret, and no hash of one: the file lies in a folder of downloads.
	var hash string
	if err := h.DB.QueryRow(ctx, `SELECT password FROM accounts WHERE id = ?`, a.ID).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{hash, "argon2", "SECRET", "refresh", "petra", b.ID} {
		if strings.Contains(text, secret) {
			t.Errorf("the export holds %q", secret)
		}
	}
	if h.events.count("account-exported") != 1 {
		t.Error("not recorded")
	}
}

// Every table that names an account is known here: who adds one must think of export and erasure.
func TestEveryTableIsErased(t *testing.T) {
	h := newHouse(t, Off)
	if dbtest.Postgres() {
		return // asked of SQLite alone; the tables are the same
	}
	q := `SELECT m.name FROM sqlite_master m WHERE m.type = 'table' AND (m.sql LIKE '%account %REFERENCES accounts%' OR m.name IN ('tickets', 'outbox'))`
	rows, err := h.DB.Query(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if _, ok := tables[name]; !ok && name != "services" {
			t.Errorf("%s is not looked at by the test of erasure", name)
		}
	}
}
