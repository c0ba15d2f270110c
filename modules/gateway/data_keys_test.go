package gateway

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/test/stop"
	"github.com/convosphere/gateway/test/transit"
)

func TestDataKeysCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"data_keys {\n}": `{}`,
		"data_keys {\n master keyring\n cache 100\n most 5000\n}":                                                               `{"master":{"type":"keyring"},"cache":100,"most":5000}`,
		"data_keys {\n master file /m.key\n accept keyring\n}":                                                                  `{"master":{"type":"file","file":"/m.key"},"accept":[{"type":"keyring"}]}`,
		"data_keys {\n master env GW_M\n accept file /a\n accept file /b\n}":                                                    `{"master":{"type":"env","env":"GW_M"},"accept":[{"type":"file","file":"/a"},{"type":"file","file":"/b"}]}`,
		"data_keys {\n master vault https://v:8200 gateway\n}":                                                                  `{"master":{"type":"vault","url":"https://v:8200","key":"gateway"}}`,
		"data_keys {\n master vault {env.V} gateway {\n mount m\n token_file /t\n namespace n\n ca /ca.pem\n timeout 5s\n }\n}": `{"master":{"type":"vault","url":"{env.V}","key":"gateway","mount":"m","token_file":"/t","namespace":"n","ca":"/ca.pem","timeout":5000000000}}`,
	} {
		got, err := adapt(t, "gateway {\n"+body+"\n}")
		if want = `{"data_keys":` + want + `}`; err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"data_keys x {\n}":                                                              "Caddyfile:3",
		"data_keys {\n nonsense\n}":                                                     "data_keys knows",
		"data_keys {\n master\n}":                                                       "Caddyfile:4",
		"data_keys {\n master kms x\n}":                                                 "keyring, file, env and vault",
		"data_keys {\n master file\n}":                                                  "file PATH",
		"data_keys {\n master vault https://v\n}":                                       "vault URL KEY",
		"data_keys {\n master file /a {\n mount x\n }\n}":                               "has no subdirectives",
		"data_keys {\n master vault https://v k {\n token x\n }\n}":                     "vault knows",
		"data_keys {\n master vault https://v k {\n mount a\n mount b\n }\n}":           "twice",
		"data_keys {\n master vault https://v k {\n timeout 1h\n }\n}":                  "100ms to 30s",
		"data_keys {\n master vault https://v k {\n token_env A\n token_file /b\n }\n}": "exclude",
		"data_keys {\n master keyring\n master keyring\n}":                              "twice",
		"data_keys {\n cache 0\n}":                                                      "above 0",
		"data_keys {\n cache 100000000\n}":                                              "1 to 1000000",
	} {
		if _, err := adapt(t, "gateway {\n"+body+"\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// What JSON alone can say wrongly.
func TestDataKeysJSONErrors(t *testing.T) {
	for raw, want := range map[string]string{
		`{"master":{}}`:                                            "no kind of master key",
		`{"master":{"type":"file"}}`:                               "nothing that says which",
		`{"master":{"type":"keyring","file":"/x"}}`:                "is given what is of the kind file",
		`{"master":{"type":"file","file":"/x","url":"https://v"}}`: "is given what is of the kind vault",
		`{"accept":[{"type":"vault","url":"https://v"}]}`:          "name the service's address and the key",
		`{"cache":-1}`:                                             "cache",
	} {
		var d DataKeys
		if err := json.Unmarshal([]byte(raw), &d); err != nil {
			t.Fatal(err)
		}
		if err := d.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}

// dataKeys runs `convosphere keys …` against the gateway whose admin socket it is.
func dataKeys(socket string, args ...string) (string, error) {
	return keys(append(args, "--address", "unix/"+socket)...)
}

func TestDataKeysCommands(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	g := loadCaddyfile(t, "{\n admin unix/"+socket+"\n persist_config off\n auto_https off\n gateway {\n data_dir "+dir+"\n }\n}\n")
	good := func(want string, args ...string) string {
		t.Helper()
		out, err := dataKeys(socket, args...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("%v: %v, not %q\n%s", args, err, want, out)
		}
		return out
	}
	bad := func(want string, args ...string) {
		t.Helper()
		if out, err := dataKeys(socket, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v: %v, not %q\n%s", args, err, want, out)
		}
	}
	s, err := g.DataKeys.Use(t.Context(), "room/general")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.Seal(nil, "text", []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	good("active", "new", "tenant/acme")
	bad("there is a key set of that name", "new", "tenant/acme")
	bad("without control characters", "new", "a\nb")
	if out := good(s.ID(), "list", "--sets"); !strings.Contains(out, "tenant/acme") || !strings.Contains(out, "keyring") {
		t.Error(out)
	}
	if out := good("tenant/acme", "list", "--prefix", "tenant/"); strings.Contains(out, "room/general") {
		t.Error(out)
	}
	var sets []dataKeyJSON
	if err := json.Unmarshal([]byte(good("[", "list", "--sets", "--json")), &sets); err != nil || len(sets) != 2 {
		t.Fatal(sets, err)
	}
	good("2", "rotate", "room/general")
	bad("--withdraw is of signing keys", "rotate", "room/general", "--withdraw")
	if s, err = g.DataKeys.Use(t.Context(), "room/general"); err != nil {
		t.Fatal(err)
	}
	if plain, stale, err := s.Open(nil, "text", sealed, nil); err != nil || !stale || string(plain) != "hello" {
		t.Fatal(string(plain), stale, err)
	}
	good("disabled", "disable", s.ID())
	bad("the key set is disabled", "rotate", s.ID())
	good("active", "enable", "room/general")
	bad("wrapped only", "export", "room/general")
	var e dataKeyJSON
	if err := json.Unmarshal([]byte(good("wrapped_key", "export", "--wrapped", "room/general")), &e); err != nil || len(e.Key) < 100 || e.ID != s.ID() {
		t.Fatal(e, err)
	}
	good("2 of 2 sets are wrapped anew, since", "rewrap")
	good("2 of 2", "rewrap", "--status")
	if again, err := g.DataKeys.Export(t.Context(), "room/general"); err != nil || string(again.Key) == string(e.Key) {
		t.Error("it was not wrapped anew:", err)
	}
	bad("--yes", "destroy", "room/general")
	good("destroyed", "destroy", "room/general", "--yes")
	if _, _, err := s.Open(nil, "text", sealed, nil); !errors.Is(err, keyset.ErrDestroyed) {
		t.Error(err)
	}
	bad("the key set is destroyed", "export", "--wrapped", s.ID())
	bad("there is no such key set", "rotate", "none")
	if _, err := keys("new", "x", "--data", dir); err == nil || !strings.Contains(err.Error(), "running gateway") {
		t.Error(err)
	}
}

func masterFile(t *testing.T, seed byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte(hex.EncodeToString([]byte(strings.Repeat(string(rune('a'+seed)), 32)))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// From the key ring to a file to a service, by reloads; a configuration with a wrong master key does not load, and leaves the running one as it was.
func TestMasterKeysChangeByReload(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	g, err := load(t, map[string]any{"data_dir": dir})
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.DataKeys.Use(t.Context(), "room")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.Seal(nil, "text", []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	reads := func() {
		t.Helper()
		r, err := g.DataKeys.ByID(t.Context(), s.ID())
		if err != nil {
			t.Fatal(err)
		}
		if plain, _, err := r.Open(nil, "text", sealed, nil); err != nil || string(plain) != "hello" {
			t.Fatal(string(plain), err)
		}
	}
	path := masterFile(t, 1)
	file := map[string]any{"type": "file", "file": path}
	if _, err := load(t, map[string]any{"data_dir": dir, "data_keys": map[string]any{"master": file}}); err == nil || !strings.Contains(err.Error(), "the wrong master key") || !strings.Contains(err.Error(), "keyring") {
		t.Fatal(err)
	}
	reads()
	rewrap := func() {
		t.Helper()
		p, err := g.DataKeys.Rewrap(t.Context())
		for end := time.Now().Add(20 * time.Second); err == nil && p.Finished.IsZero() && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			p, err = g.DataKeys.Progress(t.Context())
		}
		if err != nil || p.Finished.IsZero() || p.Failed != 0 {
			t.Fatal(p, err)
		}
	}
	if g, err = load(t, map[string]any{"data_dir": dir, "data_keys": map[string]any{"master": file, "accept": []any{map[string]any{"type": "keyring"}}}}); err != nil {
		t.Fatal(err)
	}
	reads()
	rewrap()
	v := transit.Start(t, "gateway")
	t.Setenv("GW_TEST_TRANSIT", v.Token)
	vault := map[string]any{"type": "vault", "url": v.URL, "key": "gateway", "ca": v.CA, "token_env": "GW_TEST_TRANSIT"}
	if g, err = load(t, map[string]any{"data_dir": dir, "data_keys": map[string]any{"master": vault, "accept": []any{file}}}); err != nil {
		t.Fatal(err)
	}
	reads()
	rewrap()
	if g, err = load(t, map[string]any{"data_dir": dir, "data_keys": map[string]any{"master": vault}}); err != nil {
		t.Fatal(err)
	}
	reads()
	// The same file with another key in it is another master key.
	if err := os.WriteFile(path, []byte(hex.EncodeToString([]byte(strings.Repeat("z", 32)))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "data_keys": map[string]any{"master": file}}); err == nil || !strings.Contains(err.Error(), "vault:transit/gateway") {
		t.Fatal(err)
	}
	v.Stop()
	reads()
}
