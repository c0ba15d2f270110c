package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// published are the ids of the keys that a node tells.
func published(t *testing.T, n *kit.Node) (kids []string) {
	t.Helper()
	var set struct{ Keys []struct{ Kid, D string } }
	n.Client(t).Call(t, "GET", "/.well-known/jwks.json", nil).Want(t, http.StatusOK).JSON(t, &set)
	for _, k := range set.Keys {
		if k.D != "" {
			t.Fatal("a private key is told")
		}
		kids = append(kids, k.Kid)
	}
	return kids
}

func kidOf(t *testing.T, access string) string {
	t.Helper()
	header, _ := open(t, access)
	kid, _ := header["kid"].(string)
	return kid
}

// Signing keys are replaced under traffic, in a gateway that runs: nothing fails, neither at the gateway nor at the back end, and nobody is
// signed out. One that is withdrawn is good for nothing at once.
func TestSigningKeysAreReplaced(t *testing.T) {
	t.Parallel() // it waits for most of its time
	n := kit.Demo(t, kit.DemoOptions{})
	keys := func(args ...string) string {
		t.Helper()
		code, out := n.Exec(t, "", append(append([]string{"keys"}, args...), "--data", n.Data)...)
		if code != 0 {
			t.Fatalf("keys %v: %d %s", args, code, out)
		}
		return out
	}
	c := n.Client(t).Login(t, n.Users["ursula"])
	old := kidOf(t, c.Access)
	sock := c.Socket(t).Join(t, "general")

	var stop atomic.Bool
	var asked atomic.Int64
	var wg sync.WaitGroup
	for _, name := range []string{"petra", "ada"} {
		p := n.Client(t).Login(t, n.Users[name])
		wg.Go(func() {
			for !stop.Load() {
				if a, err := p.Try("GET", "/api/rooms", nil); err != nil || a.Status != http.StatusOK {
					t.Errorf("while keys rotate: %s", errText(a, err))
					return
				}
				asked.Add(1)
				time.Sleep(40 * time.Millisecond)
			}
		})
	}
	keys("rotate")
	kit.Eventually(t, 30*time.Second, "both keys are told", func() bool { return len(published(t, n)) == 2 })
	next := published(t, n)[1]
	c.Renew(t)
	if kid := kidOf(t, c.Access); kid != old {
		t.Fatalf("%s signs already", kid)
	}
	// The ten minutes until it signs, in a moment: the file is all that gateways go by. The chat, which within the ten minutes had fetched the new key, fetches it when it
	// meets it, but only five seconds after the last time.
	time.Sleep(6 * time.Second)
	hurry(t, filepath.Join(n.Data, "keys", "signing.json"), next)
	time.Sleep(3 * time.Second) // longer than between two looks at it
	if c.Renew(t); kidOf(t, c.Access) != next {
		t.Fatal("the new key does not sign")
	}
	time.Sleep(time.Second)
	stop.Store(true)
	wg.Wait()
	if asked.Load() < 50 {
		t.Errorf("only %d requests", asked.Load())
	}
	if !sock.Open() {
		t.Error("the socket is closed")
	}
	before := c.Access
	c.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
	if out := keys("list"); !strings.Contains(out, "retired") || !strings.Contains(out, "signing") {
		t.Errorf("keys list: %s", out)
	}

	keys("rotate", "--withdraw")
	sock.WantClosed(t, websocket.StatusPolicyViolation, 5*time.Second)
	c.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
	c.Renew(t)
	if kid := kidOf(t, c.Access); kid == old || kid == next || len(published(t, n)) != 1 {
		t.Errorf("%s signs", kid)
	}
	kit.Eventually(t, 10*time.Second, "the back end knows the new key", func() bool { return c.Call(t, "GET", "/api/rooms", nil).Status == http.StatusOK })
	c.Access = before
	c.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
}

// hurry lets the key sign from now on.
func hurry(t *testing.T, path, kid string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		if k["kid"] == kid {
			k["use_from"] = time.Now().Unix()
		}
	}
	if raw, err = json.Marshal(set); err == nil {
		err = os.WriteFile(path+".new", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}
