package service

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/service/servicetest"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(dbtest.Both(m), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var (
	ctx = context.Background()
	now = time.Unix(1_800_000_000, 0).UTC()
)

// open makes a store with the service "robot", which has a key, and the person "ursula".
func open(t *testing.T) (*Store, *database.DB, account.Account, *servicetest.Key) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := database.Open(ctx, dbtest.New(t))
	must(err)
	t.Cleanup(func() { _ = db.Close() })
	keys, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	must(err)
	hasher, err := account.NewHasher(account.Params{Memory: 64, Time: 1, Threads: 1})
	must(err)
	accounts, s, key := account.NewStore(db, keys, hasher), NewStore(db), servicetest.NewKey("k1")
	var robot account.Account
	must(db.InTx(ctx, func(tx *database.Tx) (err error) {
		if robot, err = accounts.Create(ctx, tx, now, "robot", []string{"user"}, "x"); err != nil {
			return err
		}
		if err := s.Create(ctx, tx, robot, []string{"room:list", "room:read"}, false); err != nil {
			return err
		}
		if _, err := s.AddKey(ctx, tx, now, robot.ID, key.JWK()); err != nil {
			return err
		}
		_, err = accounts.Create(ctx, tx, now, "ursula", []string{"user"}, "x")
		return err
	}))
	return s, db, robot, key
}

const aud = "https://gw.example"

func TestProve(t *testing.T) {
	s, _, robot, key := open(t)
	p, err := s.Prove(ctx, key.Assert("robot", aud, now), []string{"other", aud}, now)
	if err != nil || p.Service.Account != robot.ID || p.Service.Name != "robot" || p.KeyID != "k1" || p.ID == "" || !p.Until.Equal(now.Add(time.Minute)) ||
		fmt.Sprint(p.Service.Scopes, p.Service.Roles) != "[room:list room:read] [user]" {
		t.Fatalf("%+v %v", p, err)
	}
}

func TestForgedAssertions(t *testing.T) {
	s, db, robot, key := open(t)
	const head = `{"alg":"ES256","kid":"k1","typ":"JWT"}`
	at := now.Unix()
	refused := func(name, raw string) {
		t.Helper()
		if _, err := s.Prove(ctx, raw, []string{aud}, now); err != ErrClient {
			t.Errorf("%s: %v", name, err)
		}
	}
	claims := func(change map[string]any) string { return servicetest.Claims("robot", aud, now, change) }
	for name, change := range map[string]map[string]any{
		"another's aud": {"aud": "https://evil.example"}, "two audiences": {"aud": []string{aud, "https://evil.example"}}, "no aud": {"aud": nil}, "no audience": {"aud": []string{}},
		"aud prefix": {"aud": aud + "/"}, "aud of mixed types": {"aud": []any{aud, 1}}, "aud object": {"aud": map[string]string{"a": aud}},
		"other sub": {"sub": "ursula"}, "no sub": {"sub": nil}, "no iss": {"iss": nil}, "other iss": {"iss": "ursula"}, "unknown service": {"iss": "nobody", "sub": "nobody"}, "numeric iss": {"iss": 1},
		"a person": {"iss": "ursula", "sub": "ursula"}, "upper case": {"iss": "ROBOT", "sub": "ROBOT"}, "full width": {"iss": "ｒobot", "sub": "ｒobot"}, "SQL": {"iss": "robot' OR '1'='1", "sub": "robot' OR '1'='1"},
		"no jti": {"jti": nil}, "empty jti": {"jti": ""}, "numeric jti": {"jti": 1}, "long jti": {"jti": strings.Repeat("j", 129)},
		"no exp": {"exp": nil}, "expired": {"exp": at}, "exp far": {"exp": at + 400}, "exp text": {"exp": "9999999999"}, "exp huge": {"exp": json.Number("1e300")}, "exp null": {"exp": json.RawMessage("null")},
		"nbf future": {"nbf": at + 60}, "iat future": {"iat": at + 60}, "iat text": {"iat": "1"},
	} {
		refused(name, key.Sign(head, claims(change)))
	}
	for name, h := range map[string]string{
		"none": `{"alg":"none","kid":"k1"}`, "None": `{"alg":"None","kid":"k1"}`, "NONE": `{"alg":"NONE","kid":"k1"}`, "HS256": `{"alg":"HS256","kid":"k1"}`, "RS256": `{"alg":"RS256","kid":"k1"}`,
		"no alg": `{"kid":"k1"}`, "alg twice": `{"alg":"none","alg":"ES256","kid":"k1"}`, "kid path": `{"alg":"ES256","kid":"../k1"}`, "other kid": `{"alg":"ES256","kid":"k2"}`,
		"access token": `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, "assertion for the back end": `{"alg":"ES256","kid":"k1","typ":"gateway-assertion+jwt"}`,
		"crit": `{"alg":"ES256","kid":"k1","crit":["exp"]}`, "b64": `{"alg":"ES256","kid":"k1","b64":false}`, "numeric typ": `{"alg":"ES256","kid":"k1","typ":1}`,
	} {
		refused(name, key.Sign(h, claims(nil)))
	}
	good := claims(nil)
	refused("claim twice", key.Sign(head, good[:len(good)-1]+`,"sub":"ursula"}`))
	refused("tail", key.Sign(head, good+"x"))
	refused("huge", key.Sign(head, claims(map[string]any{"x": strings.Repeat("x", 20<<10)})))
	thief := servicetest.NewKey("k1")
	refused("another key of that name", thief.Assert("robot", aud, now))
	// Keys that the token brings, or tells where to get, are not asked.
	refused("jwk", thief.Sign(`{"alg":"ES256","kid":"k1","jwk":`+string(thief.JWK())+`}`, claims(nil)))
	refused("jku", thief.Sign(`{"alg":"ES256","kid":"k1","jku":"https://evil.example/jwks"}`, claims(nil)))
	for name, raw := range map[string]string{"empty": "", "dots": "..", "text": "robot", "JSON": good} {
		refused(name, raw)
	}
	raw := key.Assert("robot", aud, now)
	refused("unsigned", raw[:strings.LastIndex(raw, ".")+1])
	refused("changed", raw[:len(raw)-8]+"AAAAAAAA")
	// Another service's key proves nothing about this one.
	if err := db.InTx(ctx, func(tx *database.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at, kind) VALUES ('Z', 'zed', 'admin', 'x', 1, 1, 'service')`); err != nil {
			return err
		}
		if err := s.Create(ctx, tx, account.Account{ID: "Z"}, []string{"a"}, true); err != nil {
			return err
		}
		_, err := s.AddKey(ctx, tx, now, "Z", thief.JWK())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	refused("of another service", thief.Assert("robot", aud, now))
	if _, err := s.Prove(ctx, thief.Assert("zed", aud, now), []string{aud}, now); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{`UPDATE accounts SET disabled = 1 WHERE id = ?`, `UPDATE accounts SET disabled = 0, kind = 'person' WHERE id = ?`} {
		if _, err := db.Exec(ctx, q, robot.ID); err != nil {
			t.Fatal(err)
		}
		refused(q, key.Assert("robot", aud, now))
	}
}

func TestKeys(t *testing.T) {
	s, db, robot, key := open(t)
	add := func(jwk string) error {
		return db.InTx(ctx, func(tx *database.Tx) error {
			_, err := s.AddKey(ctx, tx, now, robot.ID, []byte(jwk))
			return err
		})
	}
	public := string(servicetest.NewKey("k2").JWK())
	for name, jwk := range map[string]string{
		"one that is there": string(key.JWK()), "no kid": strings.Replace(public, `"kid":"k2"`, `"x-kid":"k2"`, 1), "empty": "", "no JSON": "-----BEGIN PUBLIC KEY-----", "a set": `{"keys":[` + public + `]}`,
		"private": public[:len(public)-1] + `,"d":"c2VjcmV0"}`, "symmetric": `{"kty":"oct","kid":"s","k":"c2VjcmV0"}`, "for encryption": strings.Replace(public, `"sig"`, `"enc"`, 1),
		"RSA without alg": `{"kty":"RSA","kid":"r","e":"AQAB","n":"` + odd(256) + `"}`, "short RSA": `{"kty":"RSA","alg":"RS256","kid":"r","e":"AQAB","n":"` + odd(128) + `"}`,
		"kid twice": public[:len(public)-1] + `,"kid":"k3"}`,
	} {
		if err := add(jwk); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := 2; i <= maxKeys; i++ {
		if err := add(string(servicetest.NewKey(fmt.Sprint("more", i)).JWK())); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(public); err != ErrMany {
		t.Error("one too many:", err)
	}
	// A key is removed: what it signs is refused from then on.
	if err := db.InTx(ctx, func(tx *database.Tx) error { return s.RemoveKey(ctx, tx, robot.ID, "k1") }); err != nil {
		t.Fatal(err)
	}
	if err := db.InTx(ctx, func(tx *database.Tx) error { return s.RemoveKey(ctx, tx, robot.ID, "k1") }); err != ErrNotFound {
		t.Error(err)
	}
	if _, err := s.Prove(ctx, key.Assert("robot", aud, now), []string{aud}, now); err != ErrClient {
		t.Error(err)
	}
}

// odd is a modulus of so many bytes.
func odd(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xA5
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestListAndUse(t *testing.T) {
	s, db, robot, _ := open(t)
	used := func(at time.Time) {
		t.Helper()
		if err := db.InTx(ctx, func(tx *database.Tx) error { return s.Used(ctx, tx, at, robot.ID, "k1") }); err != nil {
			t.Fatal(err)
		}
	}
	used(now)
	used(now.Add(30 * time.Second))
	all, err := s.List(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "robot" || len(all[0].Keys) != 1 || all[0].Keys[0].Algorithm != "ES256" || !all[0].Keys[0].UsedAt.Equal(now) {
		t.Fatalf("%+v %v", all, err)
	}
	used(now.Add(61 * time.Second))
	one, err := s.ByID(ctx, robot.ID)
	if err != nil || !one.Keys[0].UsedAt.Equal(now.Add(61*time.Second)) {
		t.Fatalf("%+v %v", one, err)
	}
	for _, name := range []string{"ursula", "nobody", ""} {
		if _, err := s.ByName(ctx, name); err != ErrNotFound {
			t.Errorf("%q: %v", name, err)
		}
	}
}
