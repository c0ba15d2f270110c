package session

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/identity/throttle"
)

// Challenger sets a task to whoever wants to sign in after many wrong tries: one that costs a person little and a guesser much. A person who
// solves it need not wait for others' guesses at the account.
type Challenger interface {
	// Issue makes a challenge, which is sent to the client as JSON. It is for the try of that number of those that are challenged, from 1: later ones
	// may be harder.
	Issue(ctx context.Context, t Attempt, number int64) (challenge any, err error)
	// Verify tells whether t.Challenge solves one that was issued, for the first time. An error means that it can't be told: the login fails.
	Verify(ctx context.Context, t Attempt) (bool, error)
}

// ChallengeRequired refuses a login until its challenge is solved.
type ChallengeRequired struct{ Challenge any }

func (ChallengeRequired) Error() string { return "a challenge must be solved first" }

// demand asks for an answer where there were many wrong tries. A right one lifts the wait for the account. Errors: ChallengeRequired.
func (m *Manager) demand(ctx context.Context, t Attempt, scopes []throttle.Scope) error {
	number, lift := int64(0), false
	for i, n := range m.throttle.Counts(ctx, scopes) {
		after := m.Throttles.Challenge
		if scopes[i].Name == "client" {
			after = max(after, m.Throttles.Client.Free/2) // many people may share an address
		}
		number = max(number, n-int64(after)+1)
		lift = lift || scopes[i].Name == "account" && n < liftedTries
	}
	if number <= 0 {
		return nil
	}
	if t.Challenge != "" {
		solved, err := m.Challenger.Verify(ctx, t)
		if err != nil {
			return fmt.Errorf("verifying a challenge: %w", err)
		}
		if solved {
			for i := range scopes {
				scopes[i].Lifted = lift && scopes[i].Name == "account"
			}
			return nil
		}
	}
	c, err := m.Challenger.Issue(ctx, t, number)
	if err != nil {
		return fmt.Errorf("making a challenge: %w", err)
	}
	return ChallengeRequired{c}
}
