package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
)

func TestOperators(t *testing.T) {
	h := newHouse(t, Off)
	ada, a := h.person("ada", "", "admin"), h.person("ursula", "ursula@example.org")
	by := Operator{ID: ada.ID, Session: "S", Attempt: caller(2)}
	h.furnish(a)
	for action, do := range map[string]func(account.Account) error{
		"roles-changed":        func(a account.Account) error { return h.SetRoles(ctx, by, a, []string{"premium"}) },
		"account-disabled":     func(a account.Account) error { return h.SetDisabled(ctx, by, a, true) },
		"account-unlocked":     func(a account.Account) error { return h.Unlock(ctx, by, a) },
		"second-factors-reset": func(a account.Account) error { return h.ResetFactors(ctx, by, a) },
		"sessions-ended":       func(a account.Account) error { return h.EndSessions(ctx, by, a) },
		"email-changed":        func(a account.Account) error { return h.SetEmail(ctx, by, a, "ursula2@example.org") },
		"password-changed":     func(a account.Account) error { return h.SetPassword(ctx, by, a, another) },
	} {
		// A session that must end with it: put there, so that no second factor is in the way.
		sid := strings.ToUpper(strings.ReplaceAll(action+"AAAAAAAAAAAAAAAAAAAAAAAAAA", "-", "A"))[:26]
		us := database.Micros(h.Now())
		if _, err := h.DB.Exec(ctx, `INSERT INTO sessions (id, account, created_at, auth_time, amr, user_agent, ip, idle_at, absolute_at, refresh, rotated_at, access_until)
			VALUES (?, ?, ?, ?, 'pwd', '', '', ?, ?, '', ?, ?)`, sid, a.ID, us, us, us+3_600_000_000, us+3_600_000_000, us, us); err != nil {
			t.Fatal(err)
		}
		if err := do(h.again(a)); err != nil {
			t.Fatal(action, err)
		}
		var ended int64
		if err := h.DB.QueryRow(ctx, `SELECT ended_at FROM sessions WHERE id = ?`, sid).Scan(&ended); err != nil || ended == 0 {
			t.Errorf("%s: the sessions go on: %v", action, err)
		}
		if h.events.count(action) != 1 {
			t.Errorf("%s is not recorded once", action)
		}
		if err := h.SetDisabled(ctx, Operator{}, h.again(a), false); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range h.events.all {
		if e.Action == "roles-changed" && (e.UserID != ada.ID || e.TargetID != a.ID || len(e.Fields) != 1 || e.Fields[0].Key != "user.target.roles" || e.SourceIP == "") {
			t.Errorf("%+v", e)
		}
	}
	if now := h.again(a); now.SecondFactor() || now.Recovery != 0 || now.Roles[0] != "premium" {
		t.Errorf("%+v", now)
	}
}

// An operator can't shut out the last one by a slip, nor make themselves more, nor get rid of the own second factor without giving it.
func TestOperatorsAndThemselves(t *testing.T) {
	h := newHouse(t, Off)
	ada := h.person("ada", "", "admin")
	by := Operator{ID: ada.ID, Attempt: caller(2)}
	for name, err := range map[string]error{
		"roles": h.SetRoles(ctx, by, ada, []string{"user"}), "disable": h.SetDisabled(ctx, by, ada, true),
		"factors": h.ResetFactors(ctx, by, ada), "erase": h.Erase(ctx, by, ada),
	} {
		if err != ErrOneself {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.again(ada).Revision != ada.Revision {
		t.Error("something changed")
	}
}

func TestFind(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "ursula@example.org")
	for _, typed := range []string{a.ID, "Ursula", "URSULA@example.org"} {
		if got, err := h.Find(ctx, typed); err != nil || got.ID != a.ID {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for _, typed := range []string{"", "%", "nobody", "nobody@example.org", strings.ToLower(a.ID)} {
		if _, err := h.Find(ctx, typed); err != account.ErrNotFound {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

func TestSearch(t *testing.T) {
	h := newHouse(t, Off)
	for i := range 7 {
		h.person(fmt.Sprintf("user-%d", i), fmt.Sprintf("u%d@example.org", i))
	}
	h.person("ada", "", "admin", "user")
	h.person("u_er", "")
	shut := h.person("zoe", "")
	if err := h.SetDisabled(ctx, Operator{}, shut, true); err != nil {
		t.Fatal(err)
	}
	names := func(q account.Query) string {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 100
		}
		var all []string
		for {
			page, next, err := h.Accounts.Search(ctx, q)
			if err != nil || len(page) > q.Limit {
				t.Fatal(len(page), err)
			}
			for _, p := range page {
				all = append(all, p.Username)
			}
			if q.After = next; next == "" {
				return strings.Join(all, " ")
			}
		}
	}
	users := "user-0 user-1 user-2 user-3 user-4 user-5 user-6"
	for want, q := range map[string]account.Query{
		"ada u_er " + users + " zoe": {Limit: 3}, // in pages, each name once
		users:                        {Text: "User-"},
		"u_er":                       {Text: "u_"}, // a sign in a pattern means itself
		"user-3":                     {Text: " U3@EXAMPLE.org"},
		"ada":                        {Role: "admin"},
		"zoe":                        {State: account.StateDisabled},
		"":                           {Text: "%"},
	} {
		got := names(q)
		if want != "ada u_er "+users+" zoe" && got != want || want == "ada u_er "+users+" zoe" && len(strings.Fields(got)) != 10 {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	for _, q := range []account.Query{{Text: "' OR 1=1 --"}, {Role: "adm%"}, {Role: "dmin"}, {Role: "%"}, {Text: "u@"}, {State: account.StateAwaiting}} {
		if got := names(q); got != "" {
			t.Errorf("%+v: %q", q, got)
		}
	}
}

// What happens to an account is told to its owner in the transaction that does it: neither is without the other.
func TestNotices(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "ursula@example.org")
	r := h.mustLogin("ursula", password)
	if err := h.sessions.ChangePassword(ctx, r.Identity, password, another); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); !strings.Contains(m.Text, "ursula") || !strings.Contains(m.Text, base+"/auth/account/security\n") {
		t.Fatalf("%+v", m)
	}
	failed := errors.New("rolled back")
	err := h.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := h.Notify(ctx, tx, a, session.NoticeFactorAdded, map[string]string{"name": "x"}); err != nil {
			return err
		}
		return failed
	})
	if err != failed {
		t.Fatal(err)
	}
	h.quiet()
	// Who has no proven address is told nothing: it could be anybody's.
	b := h.person("petra", "")
	if err := h.DB.InTx(ctx, func(tx *database.Tx) error {
		return h.Accounts.SetEmail(ctx, tx, h.Now(), b.ID, "petra@example.org", false)
	}); err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(ctx, Operator{}, h.again(b), another); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	// The mail server being away keeps nobody from anything.
	if err := h.RequestReset(ctx, "ursula@example.org", caller(1)); err != nil {
		t.Fatal(err)
	}
	h.next()
}
