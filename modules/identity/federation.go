package identity

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// openProviders fills the placeholders of secrets and makes the providers ready. None is asked yet.
func (a *App) openProviders(ctx caddy.Context) error {
	all := slices.Clone(a.Providers)
	repl := caddy.NewReplacer()
	for i := range all {
		secret, err := repl.ReplaceOrErr(all[i].ClientSecret, true, true)
		if err != nil {
			return fmt.Errorf("gw_identity: provider %s: client_secret: %w", all[i].ID, err)
		}
		all[i].ClientSecret = strings.TrimSpace(secret) // a file ends in a line break
	}
	var err error
	if a.federation, err = federation.New(ctx, all, a.ground.Keys, time.Now); err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	a.logger = ctx.Logger()
	return nil
}

// LoginProviders are the outside providers to choose from.
func (a *App) LoginProviders() []federation.Offer { return a.federation.Offers() }

// BeginProvider begins a login by an outside provider: the browser goes to the address, with the cookie. redirect is this site's address
// for its answer. Errors: federation.ErrProvider; anything else means that the provider can't be asked.
func (a *App) BeginProvider(ctx context.Context, provider, redirect, returnTo string) (address, cookie string, err error) {
	return a.federation.Begin(ctx, provider, federation.Start{Purpose: federation.Login, Redirect: redirect, ReturnTo: returnTo})
}

// BeginLink begins to link a provider to the account of a person who is signed in. Errors: session.NotFresh, session.ErrSession, federation.ErrProvider.
func (a *App) BeginLink(ctx context.Context, id *reqctx.Identity, provider, redirect, returnTo string) (address, cookie string, err error) {
	if _, err := a.sessions.Fresh(ctx, id); err != nil {
		return "", "", err
	}
	return a.federation.Begin(ctx, provider, federation.Start{
		Purpose: federation.Link, Redirect: redirect, ReturnTo: returnTo, Account: id.Subject, Session: id.Session,
	})
}

// BeginProviderStepUp begins to have a signed-in person sign in at a linked provider again. Errors: federation.ErrProvider.
func (a *App) BeginProviderStepUp(ctx context.Context, id *reqctx.Identity, provider, redirect, returnTo string) (address, cookie string, err error) {
	return a.federation.Begin(ctx, provider, federation.Start{
		Purpose: federation.Again, Redirect: redirect, ReturnTo: returnTo, Account: id.Subject, Session: id.Session,
	})
}

// FinishProvider takes the provider's answer. id is who is signed in, nil for nobody. What the flow was begun with is returned with an error, too, where it is known. The
// result is empty where the flow was for a link. Errors: those of federation.Service.Finish, and session.Manager's Federated, Link and StepUpFederated.
func (a *App) FinishProvider(ctx context.Context, provider string, query url.Values, cookie string, id *reqctx.Identity, t session.Attempt) (federation.Start, session.Result, error) {
	p, start, err := a.federation.Finish(ctx, provider, query, cookie)
	if err != nil {
		a.refused(provider, err, t)
		return start, session.Result{}, err
	}
	if start.Purpose != federation.Login && (id == nil || id.Subject != start.Account || id.Session != start.Session) {
		return start, session.Result{}, session.ErrSession // another session than the one that began it
	}
	switch start.Purpose {
	case federation.Login:
		c, err := a.federation.Provider(provider)
		if err != nil {
			return start, session.Result{}, err
		}
		r, err := a.sessions.Federated(ctx, p, c, t)
		return start, r, err
	case federation.Link:
		return start, session.Result{}, a.sessions.Link(ctx, id, p, t)
	case federation.Again:
		r, err := a.sessions.StepUpFederated(ctx, id, p, t)
		return start, r, err
	}
	return start, session.Result{}, federation.ErrFlow
}

// refused records what a provider, or somebody in its name, sent and was not taken.
func (a *App) refused(provider string, err error, t session.Attempt) {
	switch {
	case errors.Is(err, federation.ErrProvider), errors.Is(err, federation.ErrDenied):
	case errors.Is(err, federation.ErrRefused), errors.Is(err, federation.ErrFlow):
		a.logger.Warn("a login by a provider was refused", zap.String("provider", provider), zap.Error(err), zap.String("request_id", t.RequestID))
		a.ground.Events.Emit((&event.Event{
			Category: "authentication", Action: "provider-refused", Outcome: event.Failure, Reason: "provider " + provider + ": " + federation.Kind(err),
			RequestID: t.RequestID, TraceID: t.TraceID, UserAgent: t.UserAgent,
		}).From(t.Client))
	default:
		a.logger.Error("a provider can't be asked", zap.String("provider", provider), zap.Error(err), zap.String("request_id", t.RequestID))
	}
}

// Links are the providers that the person may sign in by. Errors: session.ErrSession.
func (a *App) Links(ctx context.Context, id *reqctx.Identity) ([]federation.Linked, error) {
	return a.sessions.Links(ctx, id)
}

// Unlink takes one away and ends the person's other sessions. Errors: session.ErrSession, session.NotFresh, session.ErrLastWay, account.ErrNotFound.
func (a *App) Unlink(ctx context.Context, id *reqctx.Identity, link string) error {
	return a.sessions.Unlink(ctx, id, link)
}
