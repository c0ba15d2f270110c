package master

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var raw = bytes.Repeat([]byte{7}, keyBytes)

func local(t *testing.T) map[string]Key {
	t.Helper()
	ring, err := keyring.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := FromText(base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Key{"ring": FromRing(ring), "text": text}
}

func TestLocalKeys(t *testing.T) {
	for name, k := range local(t) {
		a, err := k.Wrap(t.Context(), []byte("key set"))
		if err != nil || bytes.Contains(a, []byte("key set")) {
			t.Fatal(name, err)
		}
		b, err := k.Rewrap(t.Context(), a)
		if err != nil || bytes.Equal(a, b) {
			t.Fatal(name, err)
		}
		for _, wrapped := range [][]byte{a, b} {
			if plain, err := k.Unwrap(t.Context(), wrapped); err != nil || string(plain) != "key set" {
				t.Errorf("%s: %q %v", name, plain, err)
			}
		}
		for i := range a {
			bad := bytes.Clone(a)
			bad[i] ^= 1
			if plain, err := k.Unwrap(t.Context(), bad); !errors.Is(err, ErrWrong) || plain != nil {
				t.Fatalf("%s: altered at %d: %q %v", name, i, plain, err)
			}
		}
		for other, o := range local(t) {
			if other == name {
				continue
			}
			if _, err := o.Unwrap(t.Context(), a); !errors.Is(err, ErrWrong) {
				t.Errorf("%s opens what %s has wrapped: %v", other, name, err)
			}
		}
	}
}

// However it is written it is the same key, whose id tells nothing of it.
func TestWaysToWriteAKey(t *testing.T) {
	want, err := FromText(base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(want.ID(), hex.EncodeToString(raw[:4])) {
		t.Error(want.ID())
	}
	odd := bytes.Repeat([]byte{0xfb, 0xff}, 16) // has + and / in base64
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(raw) + "\n", base64.RawStdEncoding.EncodeToString(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
	} {
		if k, err := FromText(text); err != nil || k.ID() != want.ID() {
			t.Errorf("%q: %v", text, err)
		}
	}
	a, err := FromText(base64.StdEncoding.EncodeToString(odd))
	b, err2 := FromText(base64.URLEncoding.EncodeToString(odd))
	if err != nil || err2 != nil || a.ID() != b.ID() {
		t.Error(err, err2)
	}
	for _, text := range []string{"", "short", base64.StdEncoding.EncodeToString(raw[:31]), base64.StdEncoding.EncodeToString(append(raw, 1)), strings.Repeat("x", 64), strings.Repeat("é", 32)} {
		if _, err := FromText(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFilesAndVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := FromFile(path); err == nil {
		t.Error("a file that is not there")
	}
	if err := os.WriteFile(path, []byte(hex.EncodeToString(raw)), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := FromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GW_TEST_MASTER", hex.EncodeToString(raw))
	if e, err := FromEnv("GW_TEST_MASTER"); err != nil || e.ID() != k.ID() {
		t.Error(err)
	}
	if _, err := FromEnv("GW_TEST_NO_MASTER"); err == nil {
		t.Error("a variable that is not set")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := FromFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
}
