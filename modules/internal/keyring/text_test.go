package keyring

import (
	"strings"
	"testing"
)

// A sealed text opens at its place alone, and what was stored before texts were sealed is read as it is.
func TestSealText(t *testing.T) {
	r, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "192.0.2.1", "sealed:192.0.2.1", "Firefox\nÜ"} {
		stored, err := r.SealText(text, "sessions ip 1")
		if err != nil || text != "" && (strings.Contains(stored, "192.0.2.1") || strings.Contains(stored, "Firefox")) {
			t.Fatal(stored, err)
		}
		if got, err := r.UnsealText(stored, "sessions ip 1"); got != text || err != nil {
			t.Error(got, err)
		}
		if got, err := r.UnsealText(stored, "sessions ip 2"); text != "" && err == nil {
			t.Errorf("another row reads %q", got)
		}
	}
	if got, err := r.UnsealText("192.0.2.1", "sessions ip 1"); got != "192.0.2.1" || err != nil {
		t.Error(got, err)
	}
	for _, bad := range []string{"sealed:", "sealed:!!", "sealed:QUJD"} {
		if got, err := r.UnsealText(bad, "sessions ip 1"); err == nil {
			t.Errorf("%s reads %q", bad, got)
		}
	}
}
