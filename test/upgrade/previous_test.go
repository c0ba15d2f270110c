package upgrade

import (
	"os/exec"
	"strings"
	"testing"
)

// A clone that lacks the commit, and can't fetch it, is told what is wrong.
func TestAMissingCommitIsTold(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	err := unpack(dir, strings.Repeat("1", 40), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "is not in this clone and can't be fetched") {
		t.Fatal(err)
	}
}
