package session

import (
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
)

// Others guess at somebody's name from everywhere; an operator lets its owner in.
func TestForgive(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	a, err := n.Accounts.ByName(ctx, "ursula")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		n.guess("Ursula", address(i), "")
	}
	owner := attempt("ursula")
	if got := n.outcome(owner); got != "throttled" {
		t.Fatal(got)
	}
	if err := n.Forgive(ctx, a); err != nil {
		t.Fatal(err)
	}
	if got := n.outcome(owner); got != "in" {
		t.Fatal(got)
	}
	if err := n.Forgive(ctx, account.Account{ID: "nobody"}); err != account.ErrNotFound {
		t.Fatal(err)
	}
}
