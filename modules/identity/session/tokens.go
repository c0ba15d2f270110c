package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// TokenRules says what personal access tokens there may be.
type TokenRules struct {
	Limit   int           // living ones an account may have, 1 to 1000
	MaxLife time.Duration // of one
	Scopes  []string      // those that may be chosen; empty: any
}

const (
	oneDay      = 24 * time.Hour
	mostTokens  = 1000
	maxLifeDays = 3660
)

func (r *TokenRules) check() error {
	switch {
	case r == nil:
		return nil
	case r.Limit < 1 || r.Limit > mostTokens:
		return errors.New("personal_tokens: limit must be between 1 and 1000")
	case r.MaxLife < oneDay || r.MaxLife > maxLifeDays*oneDay:
		return errors.New("personal_tokens: max_lifetime must be between 24h and 10 years")
	case len(r.Scopes) > 0:
		if _, err := apitoken.Scopes(strings.Join(r.Scopes, " ")); err != nil {
			return errors.Join(errors.New("personal_tokens: scopes"), err)
		}
	}
	return nil
}

var (
	// ErrNoTokens refuses personal tokens where the operator wants none.
	ErrNoTokens = errors.New("there are no personal access tokens here")
	// ErrTokenLife refuses a life that is too long or none.
	ErrTokenLife = errors.New("a token lives for at least one day and no longer than its operator lets it")
)

// NewToken makes a personal access token for the person, and returns its secret this once. Errors: NotFresh, ErrSession, ErrNoTokens, ErrTokenLife,
// apitoken.ErrName, apitoken.ErrScope, apitoken.ErrMany.
func (m *Manager) NewToken(ctx context.Context, id *reqctx.Identity, name, scopes string, life time.Duration) (t apitoken.Token, raw string, err error) {
	if m.PersonalTokens == nil {
		return t, "", ErrNoTokens
	}
	if t, err = m.newToken(name, scopes, life); err != nil {
		return t, "", err
	}
	s, a, err := m.current(ctx, id)
	if err == nil {
		err = m.fresh(s, a) // else a session that is stolen for minutes would be one for months
	}
	if err != nil {
		return t, "", err
	}
	t.Account = a.ID
	err = m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if err := m.claim(ctx, tx, a); err != nil {
			return err
		}
		if raw, err = m.tokens.Create(ctx, tx, &t, m.PersonalTokens.Limit); err != nil {
			return err
		}
		return m.notify(ctx, tx, a, NoticeTokenCreated, map[string]string{"name": t.Name})
	})
	if err != nil {
		return t, "", err
	}
	m.iam(ctx, a, "token-created", "", t.ID)
	return t, raw, nil
}

func (m *Manager) newToken(name, scopes string, life time.Duration) (t apitoken.Token, err error) {
	if t.Name, err = apitoken.Name(name); err != nil {
		return t, err
	}
	if t.Scopes, err = apitoken.Scopes(scopes); err != nil {
		return t, err
	}
	for _, s := range t.Scopes {
		if len(m.PersonalTokens.Scopes) > 0 && !slices.Contains(m.PersonalTokens.Scopes, s) {
			return t, apitoken.ErrScope
		}
	}
	if life < oneDay || life > m.PersonalTokens.MaxLife {
		return t, ErrTokenLife
	}
	t.Kind, t.CreatedAt = apitoken.Personal, m.Now()
	t.ExpiresAt = t.CreatedAt.Add(life)
	return t, nil
}

// Tokens returns the person's living tokens, the newest first, and the rules; nil where there are to be none. Errors: ErrSession.
func (m *Manager) Tokens(ctx context.Context, id *reqctx.Identity) ([]apitoken.Token, *TokenRules, error) {
	if _, err := m.living(ctx, id); err != nil {
		return nil, nil, err
	}
	all, err := m.tokens.List(ctx, id.Subject, apitoken.Personal, m.Now())
	return all, m.PersonalTokens, err
}

// EndToken ends a token of the person. Errors: ErrSession, apitoken.ErrNotFound.
func (m *Manager) EndToken(ctx context.Context, id *reqctx.Identity, of string) error {
	if _, err := m.living(ctx, id); err != nil {
		return err
	}
	return m.endToken(ctx, id.Subject, of, "by its owner")
}

// endToken ends one token: in the database, here at once, and everywhere by the feed. Errors: apitoken.ErrNotFound.
func (m *Manager) endToken(ctx context.Context, account, id, reason string) error {
	err := m.DB.InTx(ctx, func(tx *database.Tx) error {
		now := m.Now()
		if err := apitoken.End(ctx, tx, now, account, id, reason); err != nil {
			return err
		}
		return tx.Append(ctx, now, database.Change{Topic: "session", Key: id})
	})
	if err != nil {
		return err
	}
	m.Feed.Wake()
	m.over(ctx, account, id, reason)
	return nil
}

// verifyOpaque asks the database for a token that is no JWT. Errors: token.ErrInvalid.
func (m *Manager) verifyOpaque(ctx context.Context, raw string) (*reqctx.Identity, error) {
	drops := m.known.Drops()
	t, owner, err := m.tokens.Find(ctx, raw, m.Now())
	if errors.Is(err, apitoken.ErrNotFound) || err == nil && t.Kind == apitoken.Personal && m.PersonalTokens == nil {
		return nil, token.ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	id := m.opaqueIdentity(t, owner)
	m.uses.note(t.ID, m.Now)
	if !m.dead.Load() {
		m.known.Put(raw, id, drops)
	}
	return id, nil
}

// opaqueIdentity is who a token stands for. It has no factors and no login: what asks for a recent one is closed to it.
func (m *Manager) opaqueIdentity(t apitoken.Token, owner apitoken.Owner) *reqctx.Identity {
	id := &reqctx.Identity{
		Subject: t.Account, Name: owner.Name, Roles: owner.Roles, Session: t.ID, TokenID: t.ID, Kind: reqctx.KindPerson, Scopes: t.Scopes,
		Methods: []string{"pat"}, ACR: reqctx.ACRSingle, Expires: t.ExpiresAt, Created: owner.Created.Truncate(time.Second),
	}
	if t.Kind == apitoken.Service {
		id.Kind, id.Methods = reqctx.KindService, []string{"pop"} // it proved to hold a key (RFC 8176)
		return id
	}
	if may := m.PersonalTokens.Scopes; len(may) > 0 { // also of those that were made when it was more
		id.Scopes = slices.DeleteFunc(id.Scopes, func(s string) bool { return !slices.Contains(may, s) })
	}
	return id
}
