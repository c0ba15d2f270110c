package directory

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

var (
	ctx   = context.Background()
	cheap = account.Params{Memory: 64, Time: 1, Threads: 1}
)

const password = "otter-lamp-quarry-58"

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

func open(t *testing.T, dir string) *Directory {
	t.Helper()
	d, err := Open(ctx, Config{Database: dbtest.New(t), Keys: At(dir).Keys, Argon2: cheap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// changes returns the feed since the start, as other processes see it.
func changes(t *testing.T, d *Directory) (all []database.Change) {
	t.Helper()
	rows, err := d.db.Query(ctx, `SELECT topic, subject FROM changes ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c database.Change
		if err := rows.Scan(&c.Topic, &c.Key); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestAdd(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	if secret, err := d.Add(ctx, "Ursula", "user", password, false); err != nil || secret != "" {
		t.Fatal(secret, err)
	}
	if secret, err := d.Add(ctx, "ada", "admin", RandomPassword(), true); err != nil || len(secret) != 32 {
		t.Fatal(secret, err)
	}
	var weak account.WeakPassword
	for name, add := range map[string]func() (string, error){
		"there already": func() (string, error) { return d.Add(ctx, " URSULA ", "user", password, false) },
		"no name":       func() (string, error) { return d.Add(ctx, "..", "user", password, false) },
		"no role":       func() (string, error) { return d.Add(ctx, "petra", "", password, false) },
	} {
		if _, err := add(); !errors.Is(err, account.ErrExists) && !errors.Is(err, account.ErrName) && !errors.Is(err, account.ErrRole) {
			t.Error(name, err)
		}
	}
	if _, err := d.Add(ctx, "petra", "user", "password123", false); !errors.As(err, &weak) {
		t.Error(err)
	}
	all, err := d.List(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "ada" || !all[0].TOTP || all[1].Name != "ursula" || all[1].TOTP || !slices.Equal(all[1].Roles, []string{"user"}) {
		t.Fatalf("%+v %v", all, err)
	}
	// Nothing of it can be read by others.
	for _, f := range []string{"keys/root.key", "keys/data.json", "keys/signing.json"} {
		info, err := os.Stat(filepath.Join(dir, f))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Error(f, info.Mode(), err)
		}
	}
}

// Each change ends the account's sessions, and only its, and tells the feed of the account and of each session.
func TestChangesEndSessions(t *testing.T) {
	d := open(t, t.TempDir())
	for _, name := range []string{"ursula", "petra"} {
		if _, err := d.Add(ctx, name, "user", password, false); err != nil {
			t.Fatal(err)
		}
	}
	ursula, _ := d.accounts.ByName(ctx, "ursula")
	petra, _ := d.accounts.ByName(ctx, "petra")
	session := func(id, account string) {
		t.Helper()
		_, err := d.db.Exec(ctx, `INSERT INTO sessions (id, account, created_at, auth_time, amr, user_agent, ip, idle_at, absolute_at, refresh, rotated_at, access_until)
			VALUES (?, ?, 1, 1, 'pwd', '', '', 9999999999999999, 9999999999999999, '', 1, 1)`, id, account)
		if err != nil {
			t.Fatal(err)
		}
	}
	session("petras", petra.ID)
	for name, change := range map[string]func() error{
		"passwd":  func() error { return d.SetPassword(ctx, "ursula", "violet-anchor-tulip-93") },
		"role":    func() error { return d.SetRole(ctx, "Ursula", "moderator") },
		"disable": func() error { return d.Disable(ctx, "ursula") },
		"enable":  func() error { return d.Enable(ctx, "ursula") },
		"totp": func() error {
			_, err := d.EnableTOTP(ctx, "ursula")
			return errors.Join(err, d.RemoveTOTP(ctx, "ursula"))
		},
	} {
		id := "ursulas " + name
		session(id, ursula.ID)
		before := len(changes(t, d))
		if err := change(); err != nil {
			t.Fatal(name, err)
		}
		var living int
		if err := d.db.QueryRow(ctx, `SELECT COUNT(*) FROM sessions WHERE ended_at = 0`).Scan(&living); err != nil || living != 1 {
			t.Fatalf("%s: %d sessions live, want petra's alone (%v)", name, living, err)
		}
		told := changes(t, d)[before:]
		if !slices.Contains(told, database.Change{Topic: "account", Key: ursula.ID}) || !slices.Contains(told, database.Change{Topic: "session", Key: id}) || len(told) > 3 {
			t.Fatalf("%s: the feed says %v", name, told)
		}
	}
	after, _ := d.accounts.ByName(ctx, "ursula")
	if after.Revision <= ursula.Revision || !slices.Equal(after.Roles, []string{"moderator"}) {
		t.Fatalf("%+v", after)
	}
}

func TestUnknownNames(t *testing.T) {
	d := open(t, t.TempDir())
	for name, err := range map[string]error{
		"passwd": d.SetPassword(ctx, "nobody", password), "role": d.SetRole(ctx, "nobody", "user"), "disable": d.Disable(ctx, "nobody"),
		"enable": d.Enable(ctx, "no/body"), "totp": d.RemoveTOTP(ctx, ""),
	} {
		if !errors.Is(err, account.ErrNotFound) {
			t.Error(name, err)
		}
	}
	if _, err := d.Add(ctx, "ursula", "user", password, true); err != nil {
		t.Fatal(err)
	}
	if _, err := d.EnableTOTP(ctx, "ursula"); !errors.Is(err, account.ErrExists) {
		t.Error(err)
	}
	if err := d.SetRole(ctx, "ursula", "a,admin"); !errors.Is(err, account.ErrRole) {
		t.Error(err)
	}
}

func TestRandomPasswordsAreTaken(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p := RandomPassword()
		if err := account.DefaultPolicy.Refuse(ctx, p, "ursula"); err != nil || seen[p] || strings.Count(p, "-") != 4 || len(p) != 30 {
			t.Fatal(p, err)
		}
		seen[p] = true
	}
}
