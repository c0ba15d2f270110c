package chaos

import "testing"

// Tokens are charged before they are used: from the start on not one is admitted too many, and in any stretch of time at most those that the
// gateways held when it began.
func TestLeased(t *testing.T) {
	l := Lease(t, short)
	t.Logf("\n%s", l)
	exact(t, l.First)
	if over := l.Second.Admitted - l.Second.Allowed; over > l.Ahead {
		t.Errorf("%d were admitted too many, though the gateways can't hold more than %d", over, l.Ahead)
	}
	if n := l.Second.Busiest - l.Second.BusiestMay; n > l.Ahead {
		t.Errorf("a client got %d too many, though the gateways can't hold more than %d", n, l.Ahead)
	}
	if l.Admitted > l.Allowed {
		t.Errorf("%d were admitted in all, of %d", l.Admitted, l.Allowed)
	}
}

// Where there is enough for all, most are admitted by tokens, without a question.
func TestLeasedAsksLess(t *testing.T) {
	c := Plenty(t, "leased", short/2)
	t.Log(c)
	if c.Admitted != c.Sent {
		t.Errorf("%d of %d were admitted", c.Admitted, c.Sent)
	}
	if c.Scripts*5 > c.Sent {
		t.Errorf("%d questions for %d requests", c.Scripts, c.Sent)
	}
}
