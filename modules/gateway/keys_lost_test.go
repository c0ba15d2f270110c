package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/test/stop"
)

// A key folder that is not mounted is told, and nothing is made in its place: the audit log stays where it is, and with the folder back all goes on.
func TestKeysThatAreNotMountedAreNotReplaced(t *testing.T) {
	stop.After(t)
	data := people(t, "ursula") // as "user add" before the first start
	keys, away := filepath.Join(data, "keys"), filepath.Join(data, "away")
	app := map[string]any{"data_dir": data}
	start := func() error {
		t.Helper()
		_, err := load(t, app)
		return errors.Join(err, caddy.Stop())
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(keys, away); err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		if err := start(); err == nil || !strings.Contains(err.Error(), "has no keys") || !strings.Contains(err.Error(), "convosphere restore") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := directory.Open(t.Context(), directory.At(data)); err == nil || !strings.Contains(err.Error(), "has no keys") {
			t.Errorf("%s: a command: %v", what, err)
		}
		if made, err := os.ReadDir(keys); len(made) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: keys were made: %v %v", what, made, err)
		}
		if aside, err := filepath.Glob(filepath.Join(data, "audit", "aside-*")); err != nil || len(aside) > 0 {
			t.Errorf("%s: the audit log was set aside: %v %v", what, aside, err)
		}
	}
	refused("no folder")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("an empty folder")
	if err := errors.Join(os.Remove(keys), os.Rename(away, keys)); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Error("with the keys back:", err)
	}
}

// A first start makes them.
func TestAnEmptyDatabaseGetsNewKeys(t *testing.T) {
	stop.After(t)
	data := t.TempDir()
	if _, err := load(t, map[string]any{"data_dir": data}); err != nil {
		t.Fatal(err)
	}
	if found, err := os.ReadDir(filepath.Join(data, "keys")); err != nil || len(found) < 3 {
		t.Error(found, err)
	}
}
