package factor

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var (
	ctx = context.Background()
	now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

type kit struct {
	*Store
	t *testing.T
}

func newKit(t *testing.T, people ...string) kit {
	t.Helper()
	keys, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(ctx, dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, p := range people {
		if _, err := db.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES (?, ?, 'user', 'x', 1, 1)`, p, p); err != nil {
			t.Fatal(err)
		}
	}
	return kit{NewStore(db, keys), t}
}

func (k kit) in(f func(tx *database.Tx) error) {
	k.t.Helper()
	if err := k.db.InTx(ctx, f); err != nil {
		k.t.Fatal(err)
	}
}

var here = Site{ID: "gw.example", Origins: []string{"https://gw.example"}, Label: "Test"}

func (k kit) addKey(owner string) virtualwebauthn.Credential {
	k.t.Helper()
	options, c, err := k.BeginRegistration(ctx, here, owner, owner)
	if err != nil {
		k.t.Fatal(err)
	}
	raw, _ := json.Marshal(options)
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(raw))
	if err != nil {
		k.t.Fatal(err)
	}
	var cred virtualwebauthn.Credential
	for cred.Key == nil || len(cred.Key.AttestationData()) != 77 { // it writes coordinates that begin with zeros too short
		cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	rp := virtualwebauthn.RelyingParty{ID: here.ID, Name: here.Label, Origin: here.Origins[0]}
	made, err := k.FinishRegistration(c, []byte(virtualwebauthn.CreateAttestationResponse(rp, virtualwebauthn.NewAuthenticator(), cred, *parsed)))
	if err != nil {
		k.t.Fatal(err)
	}
	k.in(func(tx *database.Tx) error {
		_, err := k.AddWebAuthn(ctx, tx, now, owner, "", made)
		return err
	})
	return cred
}

// What rests tells no secret, and opens in its own row alone.
func TestWhatRests(t *testing.T) {
	k := newKit(t, "ada", "eve")
	secret := NewTOTPSecret()
	var codes []string
	k.in(func(tx *database.Tx) (err error) {
		if _, err = k.AddTOTP(ctx, tx, now, "ada", "", secret, 0); err == nil {
			codes, err = k.RenewRecovery(ctx, tx, now, "ada")
		}
		return err
	})
	cred := k.addKey("ada")
	evil := k.addKey("eve")
	rows, err := k.db.Query(ctx, `SELECT secret, credential FROM second_factors`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var sealed []byte
		var credential string
		if err := rows.Scan(&sealed, &credential); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(sealed), secret) || strings.Contains(string(sealed), string(cred.ID)) || strings.Contains(credential, string(cred.ID)) {
			t.Error("a secret or a credential lies open")
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	var n int
	plain, _ := plainCode(codes[0])
	if err := k.db.QueryRow(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE code = ? OR code = ?`, plain, codes[0]).Scan(&n); err != nil || n != 0 {
		t.Error("a recovery code lies open", err)
	}
	if k.marked("ada", plain) == k.marked("eve", plain) {
		t.Error("one person's recovery code is another's")
	}
	// Who writes to the database puts the own key into another's row.
	if _, err := k.db.Exec(ctx, `UPDATE second_factors SET secret = (SELECT secret FROM second_factors WHERE account = 'eve'), credential = ? WHERE account = 'ada' AND kind = 'webauthn'`,
		credentialHash([]byte("other"))); err != nil {
		t.Fatal(err)
	}
	if _, err := k.credentials(ctx, "ada"); err == nil {
		t.Error("a credential that was moved is read")
	}
	if got, err := k.credentials(ctx, "eve"); err != nil || string(got[0].Credential) != string(evil.ID) {
		t.Error(err)
	}
}

func TestOneAccountsFactors(t *testing.T) {
	k := newKit(t, "ada", "eve")
	var id string
	k.in(func(tx *database.Tx) (err error) {
		id, err = k.AddTOTP(ctx, tx, now, "ada", "Phone", NewTOTPSecret(), 0)
		return err
	})
	k.addKey("ada")
	k.in(func(tx *database.Tx) error {
		if _, _, err := k.Remove(ctx, tx, "eve", id); err != account.ErrNotFound {
			t.Error("another's factor was removed:", err)
		}
		if err := k.Rename(ctx, tx, "eve", id, "mine"); err != account.ErrNotFound {
			t.Error("another's factor was renamed:", err)
		}
		if _, err := k.RenewRecovery(ctx, tx, now, "ada"); err != nil {
			return err
		}
		if err := k.RemoveTOTP(ctx, tx, "ada"); err != nil {
			return err
		}
		return nil
	})
	left := func(table string) (n int) {
		if err := k.db.QueryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE account = 'ada'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if left("second_factors") != 1 || left("recovery_codes") != 10 {
		t.Fatal("more went than the apps")
	}
	k.in(func(tx *database.Tx) error {
		if n, err := k.RemoveAll(ctx, tx, "ada"); err != nil || n != 1 {
			t.Error(n, err)
		}
		return nil
	})
	if left("second_factors") != 0 || left("recovery_codes") != 0 {
		t.Fatal("something is left")
	}
}

// However a recovery code is typed, it is one code; and nothing else is.
func TestRecoveryCodeSpellings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := newCode()
		want, ok := plainCode(code)
		if !ok {
			t.Fatal(code)
		}
		typed := strings.Map(func(r rune) rune {
			switch rapid.IntRange(0, 5).Draw(t, "how") {
			case 0:
				return []rune(strings.ToUpper(string(r)))[0]
			case 1:
				if alike := map[rune]rune{'0': 'O', '1': 'l'}; alike[r] != 0 {
					return alike[r]
				}
			}
			return r
		}, code)
		if got, ok := plainCode(typed); !ok || got != want {
			t.Fatalf("%q became %q", typed, got)
		}
		short := rapid.IntRange(0, len(want)-1).Draw(t, "short")
		if _, ok := plainCode(want[:short]); ok {
			t.Fatalf("%q was taken", want[:short])
		}
	})
}

func FuzzPlainCode(f *testing.F) {
	f.Add("7k2m-9rhx-w4ct-0bqe")
	f.Add("OIL0 1---")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := plainCode(typed)
		if again, same := plainCode(code); ok && (!same || again != code || len(code) != codeChars) {
			t.Fatalf("%q became %q", typed, code)
		}
	})
}

// An answer is an attacker's: nothing in it may panic or be taken.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"type":"public-key","id":"AA","rawId":"AA","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","attestationObject":"oA"}}`))
	site := here
	s := &Store{}
	_, passkey, err := s.BeginPasskey(site)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := s.FinishRegistration(passkey, raw); err == nil {
			t.Fatalf("%q was taken", raw)
		}
	})
}

// A key alone is a second factor, too, for whoever looks at the account.
func TestAKeyIsASecondFactor(t *testing.T) {
	k := newKit(t, "ada", "eve")
	k.addKey("ada")
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	accounts := account.NewStore(k.db, k.keys, hasher)
	for name, want := range map[string]bool{"ada": true, "eve": false} {
		a, err := accounts.ByID(ctx, name)
		if err != nil || a.SecondFactor() != want || a.TOTP {
			t.Errorf("%s: %+v %v", name, a, err)
		}
		p, err := accounts.Profile(ctx, name)
		if err != nil || p.SecondFactor() != want || p.TOTP {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}
