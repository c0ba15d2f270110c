package docs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	caddyv2 "github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/convosphere/gateway/test/kit"
	"github.com/convosphere/gateway/test/postgres"
	"github.com/convosphere/gateway/test/redisfleet"
)

// files are what the examples name below /etc/convosphere besides the shipped Caddyfiles, and where a test has them.
type files map[string]string

// start starts what the examples name: a Redis and a PostgreSQL that speak TLS alone and ask for a certificate.
func start(t *testing.T) files {
	t.Helper()
	redis := redisfleet.NewTLS(t)
	postgresCert := redis.CA.Server(t, "127.0.0.1", "localhost")
	db, err := postgres.StartTLS(postgres.TLS{Cert: postgresCert.Cert, Key: postgresCert.Key, CA: redis.CA.File})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Create("docs", ""); err != nil {
		t.Fatal(err)
	}
	kit.Secret(db.Password)
	backup := filepath.Join(t.TempDir(), "backup.key")
	if out, err := exec.Command(kit.Binaries(t).Gateway, "backup", "--new-key", backup).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	policy := bundle(t)
	for name, value := range map[string]string{
		"GW_REDIS": "rediss://" + redisfleet.StartOver(t, redis).Addr, "GW_POSTGRES": strings.TrimSuffix(db.URL("docs"), "?sslmode=disable"),
		"MAIL_PASSWORD": "a-password-for-mail", "ALERT_SECRET": "a-secret-for-alerts", "OTLP_TOKEN": "Bearer a-token-of-a-collector",
	} {
		t.Setenv(name, value)
	}
	return files{"ca.crt": redis.CA.File, "node.crt": redis.Client.Cert, "node.key": redis.Client.Key, "backup.key": backup, "notes.tar.gz": policy + ".tar.gz", "policy.pub": policy + ".pub"}
}

// lay puts what the examples assume below /etc/convosphere into a folder.
func (f files) lay(t *testing.T, etc string) {
	t.Helper()
	if err := os.CopyFS(etc, os.DirFS(filepath.Join(root, "caddyfiles"))); err != nil {
		t.Fatal(err)
	}
	for name, from := range f {
		raw, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(etc, name), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every Caddyfile of the guides is one that a gateway loads: its JSON is made, and each module of it provisioned, with what it opens (a real Redis, a
// real PostgreSQL, over TLS). It is written as `convosphere fmt` writes it.
func TestCaddyfiles(t *testing.T) {
	on := start(t)
	seen := 0
	for _, p := range guides(t) {
		for _, b := range p.of("caddyfile") {
			seen++
			if got := string(caddyfile.Format([]byte(b.text))); got != b.text {
				t.Errorf("%s:%d is not as `convosphere fmt` writes it:\n%s", p.path, b.line, got)
			}
			if err := loads(t, on, b); err != nil {
				t.Errorf("%s:%d: %v", p.path, b.line, err)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d Caddyfiles", seen)
	}
}

// loads says what keeps an example from being loaded.
func loads(t *testing.T, on files, b block) error {
	t.Helper()
	// Each has a place of its own, as on a machine of its own.
	here := t.TempDir()
	text := strings.NewReplacer("/var/lib/convosphere", filepath.Join(here, "data"), "/run/convosphere", here, "/etc/convosphere", filepath.Join(here, "etc")).Replace(b.text)
	on.lay(t, filepath.Join(here, "etc"))
	t.Setenv("XDG_DATA_HOME", here)
	if !strings.HasPrefix(text, "{") { // a site, whose file begins with what the gateway needs
		text = "{\n\tgateway\n}\n" + text
	}
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": filepath.Join(here, "etc", "Caddyfile")})
	if err != nil {
		return err
	}
	var c caddyv2.Config
	if err := json.Unmarshal(out, &c); err != nil {
		return fmt.Errorf("it gives JSON that is no configuration: %w", err)
	}
	return caddyv2.Validate(&c)
}

// bundle makes a policy of one's own, signs it as its guide says, and returns where it is, without the ending: .tar.gz, and the key's .pub.
func bundle(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "notes")
	for name, block := range map[string]*pem.Block{".pem": {Type: "PRIVATE KEY", Bytes: private}, ".pub": {Type: "PUBLIC KEY", Bytes: public}} {
		if err := os.WriteFile(base+name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"policy", "new", base}, {"policy", "build", "--sign", base + ".pem", "-o", base + ".tar.gz", filepath.Join(base, "policy")}} {
		if out, err := exec.Command(kit.Binaries(t).Gateway, args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	return base
}

// An example that no gateway would load is told of.
func TestCaddyfilesTells(t *testing.T) {
	for text, want := range map[string]string{
		"example.com {\n\tgw_waf {\n\t\tparanoia 9\n\t}\n}\n":                    "paranoia",
		"{\n\tgateway {\n\t\tdata_folder x\n\t}\n}\n":                            "data_folder",
		"{\n\tgateway {\n\t\tmonitor {\n\t\t\tfleet {\n\t\t\t}\n\t\t}\n\t}\n}\n": "fleet",
	} {
		if err := loads(t, files{}, block{text: text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
