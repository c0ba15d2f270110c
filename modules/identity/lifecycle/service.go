package lifecycle

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/internal/database"
)

// AddService adds an account for a program, with the scopes that its tokens may have (permissions, separated by blanks) and its public key (a JWK). Errors:
// account.ErrName, ErrRole, ErrExists, apitoken.ErrScope, service.ErrKey.
func (d *Desk) AddService(ctx context.Context, by Operator, name string, roles []string, scopes string, introspect bool, jwk []byte) (account.Account, error) {
	list, err := apitoken.Scopes(scopes)
	if err != nil {
		return account.Account{}, err
	}
	s := service.NewStore(d.DB)
	// A password that nobody knows: at a login its name is answered as any other is, and in the same time. None would be let in by it anyhow.
	return d.Create(ctx, by, name, strings.ToLower(rand.Text()), "", roles, func(tx *database.Tx, now time.Time, a account.Account) error {
		if err := s.Create(ctx, tx, a, list, introspect); err != nil {
			return err
		}
		_, err := s.AddKey(ctx, tx, now, a.ID, jwk)
		return err
	})
}

// SetServiceScopes replaces what a service's tokens may be for, and ends those it has. Errors: service.ErrNotFound, apitoken.ErrScope.
func (d *Desk) SetServiceScopes(ctx context.Context, by Operator, id, scopes string, introspect bool) error {
	list, err := apitoken.Scopes(scopes)
	if err != nil {
		return err
	}
	return d.onService(ctx, by, id, "scopes changed", "service-scopes-changed", func(s *service.Store, tx *database.Tx, _ time.Time) error {
		return s.SetScopes(ctx, tx, id, list, introspect)
	})
}

// AddServiceKey adds a public key (a JWK) beside those that a service has; its tokens go on. Errors: service.ErrNotFound, ErrKey, ErrMany.
func (d *Desk) AddServiceKey(ctx context.Context, by Operator, id string, jwk []byte) error {
	s := service.NewStore(d.DB)
	if _, err := s.ByID(ctx, id); err != nil {
		return err
	}
	err := d.DB.InTx(ctx, func(tx *database.Tx) error {
		now := d.Now()
		if err := d.Accounts.Touch(ctx, tx, id); err != nil {
			return err
		}
		if _, err := s.AddKey(ctx, tx, now, id, jwk); err != nil {
			return err
		}
		return tx.Append(ctx, now, database.Change{Topic: "account", Key: id})
	})
	if err == nil {
		d.record(by, id, "service-key-added")
	}
	return err
}

// RemoveServiceKey takes a key away, and ends the service's tokens: they may be whose who had it. Errors: service.ErrNotFound.
func (d *Desk) RemoveServiceKey(ctx context.Context, by Operator, id, kid string) error {
	return d.onService(ctx, by, id, "key removed", "service-key-removed", func(s *service.Store, tx *database.Tx, _ time.Time) error {
		return s.RemoveKey(ctx, tx, id, kid)
	})
}

// onService changes a service in the name of an operator.
func (d *Desk) onService(ctx context.Context, by Operator, id, reason, action string, f func(*service.Store, *database.Tx, time.Time) error) error {
	s := service.NewStore(d.DB)
	found, err := s.ByID(ctx, id)
	if err != nil {
		return err
	}
	return d.operate(ctx, by, account.Account{ID: found.Account, Name: found.Name, Roles: found.Roles}, reason, action, func(tx *database.Tx, now time.Time) error {
		if err := d.Accounts.Touch(ctx, tx, id); err != nil {
			return err
		}
		return f(s, tx, now)
	})
}
