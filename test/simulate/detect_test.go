package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// The built binary reads what is simulated, and what it finds can be scored: a small world, with its own rules.
func TestDetector(t *testing.T) {
	t.Parallel()
	r, err := detected(small(1), kit.Binaries(t).Gateway, "", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(kinds()) * len(speeds) * len(spreads); len(r.Campaigns) != want || r.Findings == 0 {
		t.Errorf("%d campaigns of %d, %d findings", len(r.Campaigns), want, r.Findings)
	}
	if err := r.write(os.Stdout); err != nil {
		t.Error(err)
	}
}

// A detector that fails, or does not read to the end, is an error and no score.
func TestDetectorThatFails(t *testing.T) {
	deaf := filepath.Join(t.TempDir(), "deaf")
	if err := os.WriteFile(deaf, []byte("#!/bin/sh\nhead -c 1000 >/dev/null\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := small(1)
	o.users, o.days = 50, 1
	for _, program := range []string{deaf, "/bin/false", "/nonexistent"} {
		if _, err := detected(o, program, "", io.Discard); err == nil {
			t.Errorf("%s gives a score", program)
		}
	}
}
