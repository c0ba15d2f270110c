package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Known returns the identity of a token that was verified before and still holds. While the feed is not fresh nothing is known:
// the session may have ended unheard.
func (m *Manager) Known(raw string) (*reqctx.Identity, bool) {
	id, ok := m.known.Get(raw)
	if !ok || m.dead.Load() || !m.Feed.Fresh() {
		return nil, false
	}
	if apitoken.IsID(id.Session) {
		m.uses.note(id.Session, m.Now)
	}
	return id, true
}

// Verify checks a token: signature, claims, and in the database that its session lives. Errors: token.ErrInvalid; anything else means that
// it could not be checked (fail closed).
func (m *Manager) Verify(ctx context.Context, raw string) (*reqctx.Identity, error) {
	if id, ok := m.Known(raw); ok {
		return id, nil
	}
	id, err := m.verify(ctx, raw)
	switch {
	case err == nil:
		verified.WithLabelValues("valid").Inc()
	case errors.Is(err, token.ErrInvalid):
		verified.WithLabelValues("invalid").Inc()
	default:
		verified.WithLabelValues("error").Inc()
	}
	return id, err
}

func (m *Manager) verify(ctx context.Context, raw string) (*reqctx.Identity, error) {
	if apitoken.Is(raw) {
		return m.verifyOpaque(ctx, raw)
	}
	drops := m.known.Drops() // first of all: the key may be withdrawn meanwhile
	id, err := m.issuer.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := m.alive(ctx, id); errors.Is(err, ErrSession) {
		return nil, token.ErrStale
	} else if err != nil {
		return nil, err
	}
	if !m.dead.Load() {
		m.known.Put(raw, id, drops)
	}
	return id, nil
}

// alive asks the database whether a session of this subject can be used: living, without reading the rest. It fills in what the token does not tell of
// it. Errors: ErrSession.
func (m *Manager) alive(ctx context.Context, id *reqctx.Identity) error {
	var owner string
	var idle, absolute, end, disabled, created int64
	err := m.DB.QueryRowOften(ctx, `SELECT s.account, s.idle_at, s.absolute_at, s.ended_at, a.disabled, s.created_at, s.device FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.id = ?`,
		id.Session).Scan(&owner, &idle, &absolute, &end, &disabled, &created, &id.Device)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrSession
	}
	if err != nil {
		return fmt.Errorf("reading a session: %w", err)
	}
	s := row{account: account.Account{Disabled: disabled != 0}, idle: database.Time(idle), absolute: database.Time(absolute), end: database.Time(end)}
	if owner != id.Subject || !s.lives(m.Now()) {
		return ErrSession
	}
	id.Begun = database.Time(created)
	return nil
}

// Deadline is when the newest access token given out for the session expires, or the token whose id it is. It asks the database. Errors: ErrSession.
func (m *Manager) Deadline(ctx context.Context, sid string) (time.Time, error) {
	if apitoken.IsID(sid) {
		at, err := m.tokens.Expiry(ctx, sid)
		if errors.Is(err, apitoken.ErrNotFound) || err == nil && !m.Now().Before(at) { // it can't be renewed
			err = ErrSession
		}
		return at, err
	}
	s, err := m.read(ctx, sid)
	if err != nil {
		return time.Time{}, err
	}
	if !s.lives(m.Now()) {
		return time.Time{}, ErrSession
	}
	return s.accessUntil, nil
}
