package identity

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/ground"
)

const (
	defaultWork   = 18 // about a second on a phone
	harder        = 4  // bits at most, for who goes on guessing
	mostFirstWork = challenge.MaxWork - harder
)

// puzzles are the challenges of logins. They implement session.Challenger.
type puzzles struct {
	desk *challenge.Desk
	work int
}

// challenger is what the configuration asks for; nil: no login is challenged.
func (t *Throttle) challenger(g *ground.Ground) session.Challenger {
	p := puzzles{challenge.NewDesk(g.Keys.Derive("challenge"), g.Store, time.Now), defaultWork}
	if t != nil && t.Challenge < 0 {
		return nil
	}
	if t != nil && t.ChallengeWork != 0 {
		p.work = t.ChallengeWork
	}
	return p
}

func holder(t session.Attempt) challenge.Client {
	return challenge.Client{Address: t.Client.Key(), UserAgent: t.UserAgent}
}

// Issue implements session.Challenger.
func (p puzzles) Issue(_ context.Context, t session.Attempt, number int64) (any, error) {
	puzzle := p.desk.Puzzle(challenge.Login, holder(t), challenge.Harder(p.work, number, p.work+harder))
	puzzle.Member = "challenge"
	return puzzle, nil
}

// Verify implements session.Challenger.
func (p puzzles) Verify(ctx context.Context, t session.Attempt) (bool, error) {
	err := p.desk.Solved(ctx, challenge.Login, holder(t), t.Challenge)
	for _, no := range []error{challenge.ErrForged, challenge.ErrWrong, challenge.ErrExpired, challenge.ErrUsed} {
		if errors.Is(err, no) {
			return false, nil
		}
	}
	return err == nil, err
}
