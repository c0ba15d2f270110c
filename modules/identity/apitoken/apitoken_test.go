package apitoken

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var (
	ctx = context.Background()
	now = time.Unix(1_800_000_000, 0).UTC()
)

func open(t testing.TB) (*Store, *database.DB) {
	t.Helper()
	db, err := database.Open(ctx, dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, a := range []struct{ id, kind string }{{"A", "person"}, {"B", "person"}, {"S", "service"}} {
		if _, err := db.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at, kind) VALUES (?, ?, 'user,premium', 'x', 1, 1, ?)`, a.id, "name-"+strings.ToLower(a.id), a.kind); err != nil {
			t.Fatal(err)
		}
	}
	return NewStore(db), db
}

func (s *Store) make(account, kind string, life time.Duration, limit int) (t Token, raw string, err error) {
	t = Token{Account: account, Kind: kind, Name: "n", Scopes: []string{"a:b", "c"}, CreatedAt: now, ExpiresAt: now.Add(life)}
	err = s.db.InTx(ctx, func(tx *database.Tx) (err error) {
		raw, err = s.Create(ctx, tx, &t, limit)
		return err
	})
	return t, raw, err
}

func (s *Store) mustMake(t testing.TB, account, kind string, life time.Duration) (Token, string) {
	t.Helper()
	tok, raw, err := s.make(account, kind, life, 100)
	if err != nil {
		t.Fatal(err)
	}
	return tok, raw
}

func TestFormat(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []string{Personal, Service} {
		for range 200 {
			raw, id := newToken(kind)
			if !regexp.MustCompile(`^gw[ps]_[a-z2-7]{47}$`).MatchString(raw) || kindOf(raw) != kind || !Is(raw) || !IsID(id) || IsID(raw) || Is(id) || seen[raw] || seen[id] {
				t.Fatal(raw, id)
			}
			seen[raw], seen[id] = true, true
			for i := range len(raw) {
				other := []byte(raw)
				other[i] ^= 1
				if kindOf(string(other)) != "" {
					t.Fatalf("%s with %d changed is one", raw, i)
				}
			}
		}
	}
	raw, _ := newToken(Personal)
	for _, bad := range []string{"", "gwp_", raw[1:], raw + "a", raw[:len(raw)-1], " " + raw[1:], strings.ToUpper(raw), "gws_" + raw[4:], strings.Replace(raw, "gwp_", "gwx_", 1), "eyJ.e30.x"} {
		if kindOf(bad) != "" {
			t.Errorf("%q is one", bad)
		}
	}
	for _, session := range []string{"", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "pat_", "pat_ABC", "xat_ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if IsID(session) {
			t.Errorf("%q is a token's id", session)
		}
	}
}

func TestScopes(t *testing.T) {
	got, err := Scopes("  room:list a.b-c_2   room:list ")
	if err != nil || fmt.Sprint(got) != "[a.b-c_2 room:list]" {
		t.Fatal(got, err)
	}
	for _, bad := range []string{
		"", "  ", "account:self", "room:list account:admin", "account", "account:", "*", "room:*", "Room:list", "room,list", "9lives", ":a", "a\x00b", "a/b", "ä",
		strings.Repeat("a", 65), strings.Repeat("a ", 33), strings.Repeat("a", 1<<20),
	} {
		if got, err := Scopes(bad); err != ErrScope {
			t.Errorf("%.40q: %v %v", bad, got, err)
		}
	}
}

func TestName(t *testing.T) {
	if got, err := Name("  my laptop – Zürich 🚀 "); err != nil || got != "my laptop – Zürich 🚀" {
		t.Fatal(got, err)
	}
	for _, bad := range []string{"", " ", "a\nb", "a\x00", "a\u202eb", "a\u2028b", "\xff", strings.Repeat("a", 65)} {
		if got, err := Name(bad); err != ErrName {
			t.Errorf("%q: %q %v", bad, got, err)
		}
	}
}

func TestLife(t *testing.T) {
	s, db := open(t)
	made, raw := s.mustMake(t, "A", Personal, time.Hour)
	got, owner, err := s.Find(ctx, raw, now)
	if err != nil || got.ID != made.ID || got.Account != "A" || got.Kind != Personal || fmt.Sprint(got.Scopes) != "[a:b c]" || !got.ExpiresAt.Equal(now.Add(time.Hour)) ||
		owner.Name != "name-a" || fmt.Sprint(owner.Roles) != "[user premium]" {
		t.Fatalf("%+v %+v %v", got, owner, err)
	}
	// Nothing that lies in the database is the token, or leads to it.
	for _, q := range []string{`SELECT COUNT(*) FROM tokens WHERE id || account || name || hash || scopes LIKE ?`} {
		var n int
		if err := db.QueryRow(ctx, q, "%"+raw[4:20]+"%").Scan(&n); err != nil || n != 0 {
			t.Fatal("the token is stored:", n, err)
		}
	}
	other, _ := newToken(Personal)
	for name, bad := range map[string]string{"unknown": other, "id": made.ID, "hash": hash(raw), "wildcard": "%", "none": ""} {
		if _, _, err := s.Find(ctx, bad, now); err != ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := s.Find(ctx, raw, now.Add(time.Hour)); err != ErrNotFound {
		t.Error("expired:", err)
	}
	disable := func(v int) {
		t.Helper()
		if _, err := db.Exec(ctx, `UPDATE accounts SET disabled = ? WHERE id = 'A'`, v); err != nil {
			t.Fatal(err)
		}
	}
	disable(1)
	if _, _, err := s.Find(ctx, raw, now); err != ErrNotFound {
		t.Error("disabled:", err)
	}
	if _, err := s.Expiry(ctx, made.ID); err != ErrNotFound {
		t.Error("disabled:", err)
	}
	disable(0)
	if at, err := s.Expiry(ctx, made.ID); err != nil || !at.Equal(now.Add(time.Hour)) {
		t.Error(at, err)
	}
	end := func(account, id string) error {
		return db.InTx(ctx, func(tx *database.Tx) error { return End(ctx, tx, now, account, id, "test") })
	}
	if err := end("B", made.ID); err != ErrNotFound {
		t.Error("ended by somebody else:", err)
	}
	if err := errors.Join(end("A", made.ID)); err != nil {
		t.Fatal(err)
	}
	if err := end("A", made.ID); err != ErrNotFound {
		t.Error("ended twice:", err)
	}
	if _, _, err := s.Find(ctx, raw, now); err != ErrNotFound {
		t.Error("ended:", err)
	}
	if _, err := s.Expiry(ctx, made.ID); err != ErrNotFound {
		t.Error("ended:", err)
	}
}

// A person's token is none once the account is a service's, and the other way round.
func TestKindsAreApart(t *testing.T) {
	s, _ := open(t)
	_, of := s.mustMake(t, "S", Personal, time.Hour)
	_, by := s.mustMake(t, "A", Service, time.Hour)
	_, good := s.mustMake(t, "S", Service, time.Hour)
	for name, raw := range map[string]string{"a service's personal token": of, "a person's service token": by} {
		if _, _, err := s.Find(ctx, raw, now); err != ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := s.Find(ctx, good, now); err != nil {
		t.Error(err)
	}
}

func TestLimitHoldsInParallel(t *testing.T) {
	s, db := open(t)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			tok := Token{Account: "A", Kind: Personal, Name: "n", Scopes: []string{"a"}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
			err := db.InTx(ctx, func(tx *database.Tx) error {
				if _, err := tx.Exec(ctx, `UPDATE accounts SET last_auth_at = 2 WHERE id = 'A'`); err != nil { // as a claim does
					return err
				}
				_, err := s.Create(ctx, tx, &tok, 5)
				return err
			})
			if err != nil && err != ErrMany {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := s.List(ctx, "A", Personal, now)
	if err != nil || len(all) != 5 {
		t.Fatal(len(all), err)
	}
	if all, err := s.List(ctx, "B", Personal, now); err != nil || len(all) != 0 {
		t.Fatal("somebody else's:", all, err)
	}
	if _, _, err := s.make("A", Personal, time.Hour, 5); err != ErrMany {
		t.Fatal(err)
	}
	if _, _, err := s.make("A", Service, time.Hour, 5); err != nil {
		t.Fatal("of another kind:", err)
	}
}

func TestEndAllUseAndPrune(t *testing.T) {
	s, db := open(t)
	one, raw := s.mustMake(t, "A", Personal, time.Hour)
	two, _ := s.mustMake(t, "A", Service, time.Hour)
	old, _ := s.mustMake(t, "A", Personal, -time.Hour)
	kept, _ := s.mustMake(t, "B", Personal, time.Hour)
	at := now.Add(time.Minute)
	if err := s.Used(ctx, map[string]time.Time{one.ID: at, kept.ID: at, "pat_none": at}); err != nil {
		t.Fatal(err)
	}
	if err := s.Used(ctx, map[string]time.Time{one.ID: now}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Find(ctx, raw, now); err != nil || !got.UsedAt.Equal(at) {
		t.Fatal("the last use went back:", got.UsedAt, err)
	}
	var ids []string
	err := db.InTx(ctx, func(tx *database.Tx) (err error) {
		ids, err = EndAll(ctx, tx, now, "A", "test")
		return err
	})
	if err != nil || len(ids) != 2 || ids[0] != one.ID && ids[1] != one.ID || ids[0] != two.ID && ids[1] != two.ID {
		t.Fatal(ids, old.ID, err)
	}
	if err := s.Prune(ctx, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := db.QueryRow(ctx, `SELECT id FROM tokens`).Scan(&left); err != nil || left != kept.ID {
		t.Fatal(left, err)
	}
	// With the account they go.
	if _, err := db.Exec(ctx, `DELETE FROM accounts WHERE id = 'B'`); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow(ctx, `SELECT id FROM tokens`).Scan(&left); err == nil {
		t.Fatal("the token outlives its account")
	}
}

func FuzzKind(f *testing.F) {
	raw, _ := newToken(Personal)
	f.Add(raw)
	f.Add("gwp_")
	f.Fuzz(func(t *testing.T, s string) {
		if kindOf(s) != "" && (len(s) != tokenLen || !Is(s)) {
			t.Fatalf("%q", s)
		}
	})
}

func FuzzScopes(f *testing.F) {
	f.Add("room:list room:read")
	f.Fuzz(func(t *testing.T, s string) {
		scopes, err := Scopes(s)
		if err != nil {
			return
		}
		again, err := Scopes(strings.Join(scopes, " "))
		if err != nil || strings.Join(again, " ") != strings.Join(scopes, " ") {
			t.Fatalf("%q: %q, then %q %v", s, scopes, again, err)
		}
		for _, one := range scopes {
			if strings.HasPrefix(one, "account") && !strings.HasPrefix(one, "accounts") && (one == "account" || one[7] == ':') {
				t.Fatalf("%q", one)
			}
		}
	})
}
