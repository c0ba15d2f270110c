package session

import (
	"testing"
	"time"
)

// Policies ask how old an account is: whatever a person shows says when it was made.
func TestIdentitiesTellWhenTheAccountWasMade(t *testing.T) {
	n := newNode(t)
	n.PersonalTokens = rules
	n.person("ursula", false)
	a, err := n.Accounts.ByName(ctx, "ursula")
	if err != nil || a.CreatedAt.IsZero() {
		t.Fatal(err, a.CreatedAt)
	}
	made := a.CreatedAt.Truncate(time.Second)
	r := n.login("ursula", "")
	_, raw, err := n.NewToken(ctx, r.Identity, "laptop", "room:list", 30*day)
	if err != nil {
		t.Fatal(err)
	}
	refreshed, err := n.Refresh(ctx, r.Tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]string{"login": r.Tokens.Access, "refreshed": refreshed.Tokens.Access, "personal token": raw} {
		if id := n.mustVerify(shown); !id.Created.Equal(made) {
			t.Errorf("%s: made %v, want %v", name, id.Created, made)
		}
	}
	if !r.Identity.Created.Equal(made) || !refreshed.Identity.Created.Equal(made) {
		t.Error(r.Identity.Created, refreshed.Identity.Created, made)
	}
}
