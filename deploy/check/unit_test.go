package check

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// most is the exposure that the unit may have, of 10: what is left is the network, one capability and a user that files belong to.
const most = 2.0

func exposure(t *testing.T, file string) float64 {
	t.Helper()
	out := run(t, nil, "systemd-analyze", "security", "--offline=true", "--no-pager", file)
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no score in\n%s", out)
	}
	score, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return score
}

func TestUnitIsHardened(t *testing.T) {
	const unit = "deploy/systemd/convosphere.service"
	score := exposure(t, unit)
	t.Logf("systemd-analyze security: %.1f", score)
	if score > most {
		t.Errorf("the unit is exposed by %.1f, more than %.1f", score, most)
	}
	if !strings.Contains(read(t, "deploy", "systemd", "README.md"), "says "+strconv.FormatFloat(score, 'f', 1, 64)) {
		t.Errorf("deploy/systemd/README.md says another score than %.1f", score)
	}
	if bare := exposure(t, "deploy/check/testdata/bare.service"); bare < 8 {
		t.Errorf("a unit without any hardening is exposed by %.1f only: is the score right?", bare)
	}
}
