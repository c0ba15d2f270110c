package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/identity/service/servicetest"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/token"
)

func tryService(stdin string, args ...string) (string, error) {
	cmd := &cobra.Command{Use: "service", SilenceUsage: true, SilenceErrors: true}
	serviceCommand(cmd)
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func runService(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := tryService(stdin, args...)
	if err != nil {
		t.Fatalf("service %v: %v", args, err)
	}
	return out
}

// A service that the command made gets a token from a running gateway, by a library that is not ours, and loses it by the command.
func TestServiceFromCommandToToken(t *testing.T) {
	dir := lend(t)
	ctx := context.Background()
	a := mustLoad(t, `{"identity":{"issuer":"https://gw.example","service_token_lifetime":60000000000}}`)
	private := runService(t, "", "add", "robot", "--scope", "room:list,room:read", "--scope", "message:post", "--generate", "--data", dir, "--database", stored.SQLite+stored.Postgres)
	if strings.Count(private, "\n") != 1 {
		t.Fatalf("%q", private)
	}
	key, err := jwk.ParseKey([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	assertion := func() string {
		t.Helper()
		tok, err := jwt.NewBuilder().Issuer("robot").Subject("robot").Audience([]string{"https://gw.example/auth/oauth/token"}).JwtID(time.Now().String()).Expiration(time.Now().Add(time.Minute)).Build()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jwt.Sign(tok, jwt.WithKey(jwa.ES256, key))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	get := func() string {
		t.Helper()
		got, err := a.ServiceToken(ctx, assertion(), "", session.Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(got.Expires); d > time.Minute || d < 50*time.Second || strings.Join(got.Scopes, " ") != "message:post room:list room:read" {
			t.Fatalf("%+v", got)
		}
		return got.Access
	}
	second := servicetest.NewKey("second")
	for _, args := range [][]string{
		{"scopes", "robot", "message:post", "room:list", "room:read"},
		{"key", "add", "robot", "--key", "-"},
		{"key", "remove", "robot", "second"},
	} {
		raw := get()
		if _, err := a.Verify(ctx, raw); err != nil {
			t.Fatal(err)
		}
		runService(t, string(second.JWK()), append(args, "--data", dir, "--database", stored.SQLite+stored.Postgres)...)
		if args[0] == "key" && args[1] == "add" {
			continue
		}
		gone := false
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !gone; time.Sleep(5 * time.Millisecond) {
			_, known := a.Known(raw)
			gone = !known
		}
		if _, err := a.Verify(ctx, raw); !gone || !errors.Is(err, token.ErrInvalid) {
			t.Fatal(args, gone, err)
		}
	}
	raw := get()
	runService(t, "", "remove", "robot", "--data", dir, "--database", stored.SQLite+stored.Postgres)
	if _, err := a.Verify(ctx, raw); !errors.Is(err, token.ErrInvalid) {
		t.Fatal(err)
	}
	if _, err := a.ServiceToken(ctx, assertion(), "", session.Attempt{}); err != session.ErrClient {
		t.Fatal(err)
	}
	if _, err := try(password, "add", "robot", "--data", dir, "--database", stored.SQLite+stored.Postgres); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Fatal("a person got the name of a service that was removed:", err)
	}
}

// A service stays one whatever is done to its account by the command for people.
func TestAServiceSignsInNowhere(t *testing.T) {
	dir := lend(t)
	a := mustLoad(t, `{}`)
	runService(t, string(servicetest.NewKey("k").JWK()), "add", "robot", "--scope", "room:list", "--key", "-", "--data", dir, "--database", stored.SQLite+stored.Postgres)
	run(t, password, "passwd", "robot", "--data", dir, "--database", stored.SQLite+stored.Postgres)
	if _, err := a.Login(context.Background(), session.Attempt{Username: "robot", Password: password}); err != session.ErrCredentials {
		t.Fatal(err)
	}
}

func TestServiceCommand(t *testing.T) {
	dir := t.TempDir()
	key := servicetest.NewKey("k1")
	file := filepath.Join(dir, "key.jwk")
	if err := os.WriteFile(file, key.JWK(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := runService(t, "", "add", "Robot", "--role", "moderator", "--scope", "room:list", "--introspect", "--key", file, "--data", dir); out != "" {
		t.Fatalf("%q", out)
	}
	var all []listedService
	if err := json.Unmarshal([]byte(runService(t, "", "list", "--json", "--data", dir)), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Name != "robot" || !all[0].Introspect || all[0].Roles[0] != "moderator" || all[0].Scopes[0] != "room:list" || len(all[0].Keys) != 1 || all[0].Keys[0].ID != "k1" || all[0].Keys[0].Algorithm != "ES256" {
		t.Fatalf("%+v", all)
	}
	if table := runService(t, "", "list", "--data", dir); !strings.Contains(table, "robot") || !strings.Contains(table, "introspects") || !strings.Contains(table, "k1 (ES256)") {
		t.Fatal(table)
	}
	public := string(key.JWK())
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{public, []string{"add", "robot", "--scope", "a", "--key", "-", "--data", dir}, "robot: it exists already"},
		{public, []string{"add", "other", "--key", "-", "--data", dir}, `"scope" not set`},
		{public, []string{"add", "other", "--scope", "account:self", "--key", "-", "--data", dir}, "none of the account's own"},
		{public, []string{"add", "other", "--scope", "a", "--data", dir}, "at least one of the flags"},
		{public, []string{"add", "other", "--scope", "a", "--key", "-", "--generate", "--data", dir}, "none of the others can be"},
		{"", []string{"add", "other", "--scope", "a", "--key", filepath.Join(dir, "none"), "--data", dir}, "reading the key"},
		{"secret words", []string{"add", "other", "--scope", "a", "--key", "-", "--data", dir}, "no JWK"},
		{public, []string{"key", "add", "robot", "--key", "-", "--data", dir}, "one of that kid"},
		{public, []string{"key", "add", "nobody", "--key", "-", "--data", dir}, "nobody: there is no such service"},
		{"", []string{"key", "remove", "robot", "k9", "--data", dir}, "there is no such service or key"},
		{"", []string{"remove", "nobody", "--data", dir}, "nobody: there is no such service"},
		{"", []string{"scopes", "robot", "--data", dir}, "SCOPE is missing"},
	} {
		if _, err := tryService(c.stdin, c.args...); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret words") {
			t.Errorf("service %v: %v, want %q", c.args, err, c.want)
		}
	}
}
