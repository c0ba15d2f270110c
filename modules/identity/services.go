package identity

import (
	"context"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/service"
)

// What operators do to services at the portal; id is an account's. Roles, disabling and erasing are as for people.

// Services returns all services by name.
func (a *App) Services(ctx context.Context) ([]service.Service, error) {
	return service.NewStore(a.ground.DB).List(ctx)
}

// AddService adds a service. Without a public key (a JWK), a pair is made and the private one returned, this once. Errors: account.ErrName, ErrRole,
// ErrExists, apitoken.ErrScope, service.ErrKey.
func (a *App) AddService(ctx context.Context, by lifecycle.Operator, name string, roles []string, scopes string, introspect bool, jwk []byte) (made account.Account, private []byte, err error) {
	if len(jwk) == 0 {
		if private, jwk, err = directory.NewServiceKey(); err != nil {
			return made, nil, err
		}
	}
	made, err = a.people.AddService(ctx, by, name, roles, scopes, introspect, jwk)
	return made, private, err
}

// SetServiceScopes replaces what a service's tokens may be for. Errors: service.ErrNotFound, apitoken.ErrScope.
func (a *App) SetServiceScopes(ctx context.Context, by lifecycle.Operator, id, scopes string, introspect bool) error {
	return a.people.SetServiceScopes(ctx, by, id, scopes, introspect)
}

// AddServiceKey adds a public key, or makes a pair as AddService does. Errors: service.ErrNotFound, ErrKey, ErrMany.
func (a *App) AddServiceKey(ctx context.Context, by lifecycle.Operator, id string, jwk []byte) (private []byte, err error) {
	if len(jwk) == 0 {
		if private, jwk, err = directory.NewServiceKey(); err != nil {
			return nil, err
		}
	}
	return private, a.people.AddServiceKey(ctx, by, id, jwk)
}

// RemoveServiceKey takes a key away. Errors: service.ErrNotFound.
func (a *App) RemoveServiceKey(ctx context.Context, by lifecycle.Operator, id, kid string) error {
	return a.people.RemoveServiceKey(ctx, by, id, kid)
}
