package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// bundledCaddyfile takes its policy as a signed bundle from a server.
var bundledCaddyfile = strings.Replace(ownCaddyfile, "keys {$GW_KEYS}\n",
	"keys {$GW_KEYS}\n\t\tpolicy {\n\t\t\tbundle {$GW_BUNDLE} {\n\t\t\t\tkey {$GW_POLICY_KEY}\n\t\t\t\tevery 1s\n\t\t\t}\n\t\t}\n", 1)

// policyKeys writes a private key and its public one.
func policyKeys(t *testing.T) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	save := func(name, kind string, der []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	private = save("private.pem", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(key.Public())
	return private, save("public.pem", "PUBLIC KEY", der, err)
}

// A fleet takes its policy from a server, as a key signs it, and its data from an operator; what is wrong with the one changes nothing, and
// a node starts while the server is away.
func TestAFleetAndItsPolicy(t *testing.T) {
	private, public := policyKeys(t)
	var bundle atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*bundle.Load()) }))
	defer server.Close()
	back := newReflector(t)
	database := kit.StartPostgres(t).New(t, "policies")
	shared := t.TempDir()
	env := []string{
		"GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://"), "GW_DATABASE=postgres " + database, "GW_KEYS=" + filepath.Join(shared, "keys"),
		"GW_BUNDLE=" + server.URL + "/live.tar.gz", "GW_POLICY_KEY=" + public,
	}
	// The command runs without a gateway: any node's environment would do.
	build := func(n *kit.Node, name, open string) []byte {
		t.Helper()
		folder, out := filepath.Join(shared, name), filepath.Join(shared, name+".tar.gz")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{
			"a.rego":      "package gateway\n\ndecision := {\"allow\": data.open, \"reason\": \"as the data says\"}\n",
			"a_test.rego": "package gateway_test\n\ntest_a if data.gateway.decision.allow with data.open as true\n",
			"data.json":   `{"open": ` + open + `}`,
		} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if code, said := n.Exec(t, "", "policy", "build", "--sign", private, "--revision", name, "-o", out, folder); code != 0 {
			t.Fatal(said)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	first := build(&kit.Node{}, "v1", "false")
	bundle.Store(&first)
	start := func(name, data string) *kit.Node {
		return kit.Gateway(t, kit.Options{Name: name, Data: data, Caddyfile: bundledCaddyfile, Env: env})
	}
	a, b := start("policy-a", ""), start("policy-b", "")
	opened := func(n *kit.Node) bool {
		status := n.Client(t).Call(t, "GET", "/echo", nil).Status
		if status != http.StatusOK && status != http.StatusUnauthorized {
			t.Fatalf("%s: %d", n.Name, status)
		}
		return status == http.StatusOK
	}
	both := func(what string, open bool) {
		t.Helper()
		kit.Eventually(t, 30*time.Second, what, func() bool { return opened(a) == open && opened(b) == open })
	}
	both("shut at first", false)
	policy := func(n *kit.Node, stdin string, args ...string) string {
		t.Helper()
		code, said := n.Exec(t, stdin, append(append([]string{"policy"}, args...), "--config", n.Config)...)
		if code != 0 {
			t.Fatalf("%v: %s", args, said)
		}
		return said
	}
	if said := policy(a, "true", "data", "put", "open", "-"); !strings.Contains(said, "revision ") || !opened(a) {
		t.Error("not in force where it was pushed", said)
	}
	both("the data reaches the other node", true)
	policy(b, "", "data", "rm", "open")
	both("the data is taken away", false)

	evil := bytes.Clone(first)
	evil[len(evil)/2] ^= 1
	bundle.Store(&evil)
	refused := func(n *kit.Node) bool {
		for _, e := range n.Events(t) {
			if e["event.action"] == "policy-refused" && e["event.outcome"] == "failure" {
				return true
			}
		}
		return false
	}
	kit.Eventually(t, 30*time.Second, "both say that they refuse it", func() bool { return refused(a) && refused(b) })
	both("what was in force stays", false)
	if said := policy(a, "", "status"); !strings.Contains(said, `"label":"v1"`) || !strings.Contains(said, `"last_error"`) {
		t.Error(said)
	}

	second := build(a, "v2", "true")
	bundle.Store(&second)
	both("the next good one is in force", true)
	server.Close()
	if code := a.Process.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	a = start("policy-a2", a.Data)
	if said := policy(a, "", "status"); !strings.Contains(said, `"label":"v2"`) || !strings.Contains(said, "the last good copy of "+server.URL) {
		t.Error(said)
	}
	both("a node starts while the server is away", true)
}
