package chaos

import (
	"testing"
	"time"
)

const short = 6 * time.Second

// Three processes and 64 clients, and never one more is admitted than the limit allows.
func TestExact(t *testing.T)          { exact(t, Exact(t, short)) }
func TestExactOnCluster(t *testing.T) { exact(t, ExactOnCluster(t, short)) }

func exact(t *testing.T, c Count) {
	t.Helper()
	t.Log(c)
	if c.Breaches > 0 {
		t.Errorf("%d more were admitted than the limits allow", c.Breaches)
	}
	// Nor far fewer, though what the machine stood still beyond the burst is lost to all.
	if c.Admitted < c.Allowed/2 || c.Refused == 0 {
		t.Errorf("%d of %d were admitted, %d refused: the limit was not put to the test", c.Admitted, c.Allowed, c.Refused)
	}
	if c.Other > 0 {
		t.Errorf("%d requests could not be counted, while nothing was wrong with Redis", c.Other)
	}
}
