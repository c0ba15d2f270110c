package terminal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCleanObeysNothing(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		`with "quotes"`:          `with "quotes"`,
		"\x1b]0;evil\x07":        `\x1b]0;evil\a`,
		"two\nlines":             `two\nlines`,
		"\xff":                   `\xff`,
		strings.Repeat("ä", 200): strings.Repeat("ä", widest) + "…",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestStyle(t *testing.T) {
	if got := (Style{}).Verdict("no", true); got != "no" {
		t.Errorf("%q", got)
	}
	if got := (Style{true}).Verdict("no", true) + (Style{true}).Verdict("yes", false); got != "\x1b[31mno\x1b[0m\x1b[32myes\x1b[0m" {
		t.Errorf("%q", got)
	}
}

func TestFor(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !For(pty).Colour {
		t.Error("none on a terminal")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if For(f).Colour || For(new(bytes.Buffer)).Colour {
		t.Error("in a file")
	}
	t.Setenv("TERM", "dumb")
	if For(pty).Colour {
		t.Error("on a dumb terminal")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if For(pty).Colour {
		t.Error("against NO_COLOR")
	}
}
