package policy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/policy/source"
)

// try runs `policy` with the arguments and standard input.
func try(stdin string, args ...string) (stdout string, err error) {
	cmd := &cobra.Command{Use: "policy", SilenceUsage: true, SilenceErrors: true}
	policyCommand(cmd)
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return out.String(), err
}

// keyPair writes a private key and its public one.
func keyPair(t testing.TB) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	save := func(name, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	der, err := x509.MarshalECPrivateKey(key)
	private = save("private.pem", "EC PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(key.Public())
	return private, save("public.pem", "PUBLIC KEY", der, err)
}

func TestBuildCommand(t *testing.T) {
	private, public := keyPair(t)
	folder := write(t, `decision := {"allow": true}`)
	out := filepath.Join(t.TempDir(), "b.tar.gz")
	said, err := try("", "build", "--sign", private, "--revision", "v1", "--scope", "live", "-o", out, folder)
	if err != nil || !strings.Contains(said, "1 Rego files, revision ") || !strings.Contains(said, ", signed") {
		t.Fatal(said, err)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	pemKey, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	key, err := source.ParseKey(pemKey, "")
	if err != nil {
		t.Fatal(err)
	}
	found, err := source.OpenBundle(raw, &source.Trust{Keys: []source.Key{key}, Scope: "live"}, time.Now())
	if err != nil || found.Label != "v1" || found.SignedAt.IsZero() {
		t.Fatal(found, err)
	}
	// What does not compile is not built, and what was there stays.
	for _, args := range [][]string{
		{"build", "-o", out, write(t, `decision := {`)},
		{"build", "-o", out, write(t, `other := 1`)},
		{"build", "-o", out, "/no/such"},
		{"build", "-o", out, "--sign", "/no/such", folder},
		{"build", "-o", out, "--sign", public, folder},
		{"build", "-o", out, "--scope", "x", folder},
		{"build", "-o", out, "--revision", "a\nb", folder},
		{"build", folder},
	} {
		if _, err := try("", args...); err == nil {
			t.Errorf("%v succeeds", args)
		}
	}
	if now, err := os.ReadFile(out); err != nil || !bytes.Equal(now, raw) {
		t.Error("the bundle was touched", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}
