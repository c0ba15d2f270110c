package chaos

import (
	"testing"
	"time"
)

// A fail-over lets in as many too many as charges were lost between the masters, and not one more; and it refuses nobody who could be counted.
func TestFailOver(t *testing.T) {
	f := FailOver(t, 300*time.Millisecond)
	t.Logf("%+v, lost %d charges, %d admitted too many", f, f.Lost(), f.Over())
	if f.Over() > f.Lost() {
		t.Errorf("%d were admitted too many, but only %d charges were lost", f.Over(), f.Lost())
	}
	if f.After > f.Burst-f.Known {
		t.Errorf("the new master knew of %d charges and admitted %d more, of %d", f.Known, f.After, f.Burst)
	}
	if f.Withheld > 0 || f.Failed > 0 {
		t.Errorf("%d were refused though there was room, %d got no answer", f.Withheld, f.Failed)
	}
	if f.Before == 0 || f.After == 0 {
		t.Errorf("admitted %d before and %d after: it was not put to the test", f.Before, f.After)
	}
}
