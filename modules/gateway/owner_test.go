package gateway

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/convosphere/gateway/modules/internal/owner/ownertest"
)

// What root runs over the folder of the gateway's user, as `convosphere validate` and `convosphere doctor`, leaves nothing that this user can't write.
func TestCommandsOfRootLeaveNothingOfRoots(t *testing.T) {
	data := ownertest.Folder(t)
	app := map[string]any{"data_dir": data, "events": map[string]any{"outputs": map[string]any{
		"hook": map[string]any{"kind": "webhook", "to": "http://127.0.0.1:1/x"},
		"file": map[string]any{"kind": "file", "to": filepath.Join(data, "copies", "events.jsonl")},
	}}}
	raw := caddyconfig.JSON(map[string]any{"admin": map[string]any{"disabled": true}, "apps": map[string]any{"gateway": app}}, nil)
	validate := func() {
		t.Helper()
		var c *caddy.Config
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(c); err != nil {
			t.Fatal(err)
		}
		ownertest.Check(t, data, "gateway.db", "keys", "events/events.jsonl", "audit")
	}
	validate() // of a folder that is empty, and of one that is not
	validate()
	examined(t, "--data", data)
	key := newKey(t)
	for _, args := range [][]string{{filepath.Join(data, "backups.backup"), "--data", data, "--key-file", key}} {
		if out, err := command("backup", "", args...); err != nil {
			t.Error(out, err)
		}
	}
	ownertest.Check(t, data, "backups.backup")

	// A gateway that root starts, too, as before a unit had its user.
	t.Cleanup(func() { _ = caddy.Stop() })
	if _, err := load(t, app); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	ownertest.Check(t, data, "copies/events.jsonl", "spool")
}
