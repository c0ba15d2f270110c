package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// maxServiceTokens is how many tokens of one service may live at a time: one that asks for each request fills the database for nobody.
const maxServiceTokens = 1000

func checkServiceLife(life time.Duration) error {
	if life != 0 && (life < 30*time.Second || life > time.Hour) {
		return errors.New("service_token_lifetime must be between 30s and 1h")
	}
	return nil
}

var (
	// ErrClient is a client assertion that proves nothing, or was used before.
	ErrClient = service.ErrClient
	// ErrScope refuses scopes that a service may not have.
	ErrScope = errors.New("the scopes are none that the service may have")
	// ErrNotTheirs refuses a service that would end a token that is not its own.
	ErrNotTheirs = errors.New("the token is not the service's")
)

// ServiceToken is what a service gets.
type ServiceToken struct {
	Access  string
	Scopes  []string
	Expires time.Time
}

// proven checks a client assertion, and spends it. Errors: ErrClient.
func (m *Manager) proven(ctx context.Context, assertion string, t Attempt) (service.Proof, error) {
	now := m.Now()
	p, err := m.services.Prove(ctx, assertion, m.audiences(), now)
	if err == nil {
		var fresh bool
		// Kept for longer than it lasts, by the difference of the clocks that the store and this process may have.
		fresh, err = m.Store.Add(ctx, store.Key("client-assertion", p.Service.Account, p.ID), []byte{1}, p.Until.Sub(now)+time.Minute)
		if err == nil && !fresh {
			err = ErrClient
		} else if err != nil {
			err = fmt.Errorf("remembering a client assertion: %w", err) // fail closed: it could be used twice
		}
	}
	if errors.Is(err, ErrClient) {
		m.clientEvent(p.Service, t, event.Failure, "the client assertion is not valid, or was used before")
	}
	return p, err
}

// audiences are the names that a client assertion may be for: ours as an issuer, and the token endpoint's. They are configured: never what a request says
// of itself.
func (m *Manager) audiences() []string {
	if m.Server == "" {
		return []string{m.Issuer}
	}
	return []string{m.Issuer, m.Server, m.Server + "/auth/oauth/token"}
}

// ServiceToken gives a service a token for its client assertion, for the scopes, or for all that it may have where scopes is "". Errors: ErrClient,
// ErrScope, apitoken.ErrMany.
func (m *Manager) ServiceToken(ctx context.Context, assertion, scopes string, t Attempt) (ServiceToken, error) {
	p, err := m.proven(ctx, assertion, t)
	if err != nil {
		return ServiceToken{}, err
	}
	wanted := p.Service.Scopes
	if scopes != "" {
		if wanted, err = apitoken.Scopes(scopes); err != nil || !subset(wanted, p.Service.Scopes) {
			return ServiceToken{}, ErrScope
		}
	}
	now := m.Now()
	made := apitoken.Token{Account: p.Service.Account, Kind: apitoken.Service, Scopes: wanted, CreatedAt: now, ExpiresAt: now.Add(m.ServiceLife).Truncate(time.Second)}
	var raw string
	err = m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if err := service.Claim(ctx, tx, now, p.Service); errors.Is(err, service.ErrNotFound) {
			return ErrClient // disabled or changed in the last milliseconds
		} else if err != nil {
			return err
		}
		if raw, err = m.tokens.Create(ctx, tx, &made, maxServiceTokens); err != nil {
			return err
		}
		return m.services.Used(ctx, tx, now, p.Service.Account, p.KeyID)
	})
	if err != nil {
		return ServiceToken{}, err
	}
	m.clientEvent(p.Service, t, event.Success, "")
	return ServiceToken{Access: raw, Scopes: wanted, Expires: made.ExpiresAt}, nil
}

func subset(of, all []string) bool {
	for _, s := range of {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return true
}

// Introspection is what a token is good for (RFC 7662).
type Introspection struct {
	Identity *reqctx.Identity // nil: the token is not active
	Issuer   string
	Audience string
}

// Introspect tells a service what a token is good for: any of ours, for a service that may ask; its own, for any other. What it may not know about is not
// active to it (RFC 7662, 2.2), and so is a refresh token, which is nothing that a service should see. Errors: ErrClient.
func (m *Manager) Introspect(ctx context.Context, assertion, raw string, t Attempt) (Introspection, error) {
	p, err := m.proven(ctx, assertion, t)
	if err != nil {
		return Introspection{}, err
	}
	id, err := m.asked(ctx, raw)
	if errors.Is(err, token.ErrInvalid) || err == nil && !p.Service.Introspect && id.Subject != p.Service.Account {
		return Introspection{}, nil
	}
	if err != nil {
		return Introspection{}, err
	}
	return Introspection{id, m.issuer.Issuer, m.issuer.Audience}, nil
}

// asked verifies a token for somebody else than its bearer: that is no use of it, and what is remembered of it does not count.
func (m *Manager) asked(ctx context.Context, raw string) (*reqctx.Identity, error) {
	if !apitoken.Is(raw) {
		return m.Verify(ctx, raw)
	}
	found, owner, err := m.tokens.Find(ctx, raw, m.Now())
	if errors.Is(err, apitoken.ErrNotFound) || err == nil && found.Kind == apitoken.Personal && m.PersonalTokens == nil {
		return nil, token.ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	return m.opaqueIdentity(found, owner), nil
}

// Revoke ends a token (RFC 7009). A service, which then proves who it is, may end its own. Without a service, whoever holds a personal token, a refresh token or an
// access token of a person may end it, or the session it is of: holding it they could do worse. A token that is none, or has ended, is no error. Errors: ErrClient,
// also where a service's token comes without proof; ErrNotTheirs.
func (m *Manager) Revoke(ctx context.Context, assertion, raw string, t Attempt) error {
	var caller string
	if assertion != "" {
		p, err := m.proven(ctx, assertion, t)
		if err != nil {
			return err
		}
		caller = p.Service.Account
	}
	if _, _, ok := m.parseRefresh(raw); ok {
		if caller != "" {
			return ErrNotTheirs
		}
		return m.Logout(ctx, raw, "")
	}
	id, err := m.asked(ctx, raw)
	switch {
	case errors.Is(err, token.ErrInvalid):
		return nil
	case err != nil:
		return err
	case caller == "" && id.Kind == reqctx.KindService:
		return ErrClient
	case caller != "" && id.Subject != caller:
		return ErrNotTheirs
	case apitoken.IsID(id.Session):
		if err := m.endToken(ctx, id.Subject, id.Session, "revoked"); err != nil && !errors.Is(err, apitoken.ErrNotFound) {
			return err
		}
		return nil
	}
	return m.end(ctx, id.Session, "revoked")
}

func (m *Manager) clientEvent(s service.Service, t Attempt, outcome, reason string) {
	m.Events.Emit((&event.Event{
		Time: m.Now(), Category: "authentication", Action: "service-token", Outcome: outcome, Reason: reason, RequestID: t.RequestID, TraceID: t.TraceID, UserAgent: t.UserAgent,
		UserID: s.Account,
	}).From(t.Client))
}
