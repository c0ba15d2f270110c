package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Each golden file holds a block, a line of dashes, and the JSON it must give or the error it must name.
func TestCaddyfile(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, want, ok := strings.Cut(string(raw), "\n----------\n")
		if !ok {
			t.Fatal(file, "has no line of dashes")
		}
		want = strings.TrimSpace(want)
		var a App
		err = a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(block))
		if err != nil {
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Testfile:") {
				t.Errorf("%s: error %q, want %q and its place", file, err, want)
			}
			continue
		}
		if got := string(caddyconfig.JSON(a, nil)); got != want {
			t.Errorf("%s: got %s, want %s", file, got, want)
		}
	}
}
