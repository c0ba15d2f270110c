package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// grace is how long a refresh token's parent still gives the same successor: tabs of one browser refresh at the same moment.
const grace = 10 * time.Second

// Refresh exchanges a refresh token for its successor and a new access token. A token that was exchanged before, but for the
// window of grace, is stolen or its successor is: the session ends. Errors: ErrSession.
func (m *Manager) Refresh(ctx context.Context, raw string) (Result, error) {
	sid, secret, ok := m.parseRefresh(raw)
	if !ok {
		refreshes.WithLabelValues("invalid").Inc()
		return Result{}, ErrSession
	}
	r, outcome, err := m.exchange(ctx, sid, secret)
	refreshes.WithLabelValues(outcome).Inc()
	return r, err
}

func (m *Manager) exchange(ctx context.Context, sid string, secret []byte) (_ Result, outcome string, err error) {
	given := hashSecret(secret)
	next := m.successor(sid, secret)
	// Each turn either wins a compare-and-set or finds that another did; the second look then finds the window of grace.
	for range 4 {
		now := m.Now()
		s, err := m.read(ctx, sid)
		if errors.Is(err, ErrSession) || err == nil && !s.lives(now) {
			return Result{}, "invalid", ErrSession
		}
		if err != nil {
			return Result{}, "error", err
		}
		var won bool
		switch outcome = ""; {
		case s.refresh == given:
			if outcome, err := m.endIfLacking(ctx, &s); err != nil {
				return Result{}, outcome, err
			}
			outcome = "rotated"
			s.idle = m.idleAt(now, &s)
			s.accessUntil = m.accessExpiry(now, &s)
			won, err = m.won(ctx, `UPDATE sessions SET refresh = ?, previous = ?, rotated_at = ?, used_at = ?, idle_at = ?, access_until = ?
				WHERE id = ? AND refresh = ? AND ended_at = 0`,
				hashSecret(next), given, database.Micros(now), database.Micros(now), database.Micros(s.idle), database.Micros(s.accessUntil), sid, given)
		case s.previous == given && s.refresh == hashSecret(next) && now.Sub(s.rotated) <= grace:
			outcome = "repeated"
			s.accessUntil = m.accessExpiry(now, &s)
			until := database.Micros(s.accessUntil)
			won, err = m.won(ctx, `UPDATE sessions SET access_until = CASE WHEN access_until < ? THEN CAST(? AS BIGINT) ELSE access_until END
				WHERE id = ? AND refresh = ? AND ended_at = 0`, until, until, sid, s.refresh)
		default:
			return Result{}, "reused", m.reused(ctx, &s)
		}
		if err != nil {
			return Result{}, "error", err
		}
		if won {
			r, err := m.result(&s, m.refreshToken(sid, next))
			return r, outcome, err
		}
	}
	return Result{}, "invalid", ErrSession
}

func (m *Manager) won(ctx context.Context, q string, args ...any) (bool, error) {
	r, err := m.DB.Exec(ctx, q, args...)
	if err != nil {
		return false, fmt.Errorf("refreshing a session: %w", err)
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// reused ends the session of a token that was exchanged before.
func (m *Manager) reused(ctx context.Context, s *row) error {
	m.tell(ctx, &event.Event{
		Category: "session", Action: "refresh-reuse", Outcome: event.Failure, Reason: "a refresh token was used again: the session ends",
		UserID: s.account.ID, Session: s.id, Device: s.device, Begun: s.created,
	})
	if err := m.end(ctx, s.id, "refresh token reused"); err != nil {
		return err
	}
	return ErrSession
}
