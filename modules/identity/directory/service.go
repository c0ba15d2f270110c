package directory

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// AddService makes an account for a program, with one role, the scopes that its tokens may have (permissions, separated by blanks) and its public key (a JWK).
// Errors: account.ErrName, ErrRole, ErrExists, apitoken.ErrScope, service.ErrKey.
func (d *Directory) AddService(ctx context.Context, name, role, scopes string, introspect bool, jwk []byte) error {
	list, err := apitoken.Scopes(scopes)
	if err != nil {
		return err
	}
	normal, err := account.Normalise(name)
	if err != nil {
		return err
	}
	// A password that nobody knows: at a login its name is answered as any other is, and in the same time. None would be let in by it anyhow.
	hash, err := d.accounts.Hash(ctx, RandomPassword(), normal)
	if err != nil {
		return err
	}
	return d.db.InTx(ctx, func(tx *database.Tx) error {
		now := d.now()
		a, err := d.accounts.Create(ctx, tx, now, normal, []string{role}, hash)
		if err != nil {
			return err
		}
		if err := d.services.Create(ctx, tx, a, list, introspect); err != nil {
			return err
		}
		if _, err := d.services.AddKey(ctx, tx, now, a.ID, jwk); err != nil {
			return err
		}
		return tx.Append(ctx, now, database.Change{Topic: "account", Key: a.ID})
	})
}

// SetServiceScopes replaces what the service's tokens may be for, and ends those it has. Errors: service.ErrNotFound, apitoken.ErrScope.
func (d *Directory) SetServiceScopes(ctx context.Context, name, scopes string, introspect bool) error {
	list, err := apitoken.Scopes(scopes)
	if err != nil {
		return err
	}
	return d.changeService(ctx, name, "scopes changed", func(tx *database.Tx, _ time.Time, s service.Service) error {
		return d.services.SetScopes(ctx, tx, s.Account, list, introspect)
	})
}

// AddServiceKey adds a public key (a JWK) beside those that the service has. Errors: service.ErrNotFound, ErrKey, ErrMany.
func (d *Directory) AddServiceKey(ctx context.Context, name string, jwk []byte) error {
	s, err := d.service(ctx, name)
	if err != nil {
		return err
	}
	return d.db.InTx(ctx, func(tx *database.Tx) error {
		now := d.now()
		if err := d.accounts.Touch(ctx, tx, s.Account); err != nil {
			return err
		}
		if _, err := d.services.AddKey(ctx, tx, now, s.Account, jwk); err != nil {
			return err
		}
		return tx.Append(ctx, now, database.Change{Topic: "account", Key: s.Account})
	})
}

// RemoveServiceKey takes a key away, and ends the service's tokens: they may be whose who had it. Errors: service.ErrNotFound.
func (d *Directory) RemoveServiceKey(ctx context.Context, name, kid string) error {
	return d.changeService(ctx, name, "key removed", func(tx *database.Tx, _ time.Time, s service.Service) error {
		return d.services.RemoveKey(ctx, tx, s.Account, kid)
	})
}

// RemoveService deletes the service and what it was granted, and ends its tokens. Its name stays reserved. Errors: service.ErrNotFound.
func (d *Directory) RemoveService(ctx context.Context, name string) error {
	s, err := d.service(ctx, name)
	if err != nil {
		return err
	}
	return d.db.InTx(ctx, func(tx *database.Tx) error {
		now := d.now()
		if err := d.accounts.Touch(ctx, tx, s.Account); err != nil {
			return err
		}
		ids, err := apitoken.EndAll(ctx, tx, now, s.Account, "service removed")
		if err != nil {
			return err
		}
		if err := d.accounts.Erase(ctx, tx, now, account.Account{ID: s.Account, Name: s.Name}); err != nil {
			return err
		}
		changes, err := grant.RemoveSubject(ctx, tx, s.Name)
		if err != nil {
			return err
		}
		changes = append(changes, database.Change{Topic: "account", Key: s.Account})
		for _, id := range ids {
			changes = append(changes, database.Change{Topic: "session", Key: id})
		}
		return tx.Append(ctx, now, changes...)
	})
}

// Services returns all services by name.
func (d *Directory) Services(ctx context.Context) ([]service.Service, error) {
	return d.services.List(ctx)
}

func (d *Directory) service(ctx context.Context, typed string) (service.Service, error) {
	name, err := account.Normalise(typed)
	if err != nil {
		return service.Service{}, service.ErrNotFound
	}
	return d.services.ByName(ctx, name)
}

func (d *Directory) changeService(ctx context.Context, name, reason string, f func(*database.Tx, time.Time, service.Service) error) error {
	s, err := d.service(ctx, name)
	if err != nil {
		return err
	}
	return d.db.InTx(ctx, func(tx *database.Tx) error {
		now := d.now()
		if err := d.accounts.Touch(ctx, tx, s.Account); err != nil {
			return err
		}
		if err := f(tx, now, s); err != nil {
			return err
		}
		_, err := session.EndAll(ctx, tx, now, s.Account, "", reason)
		return err
	})
}

// NewServiceKey makes a pair of ES256 keys, each as a JWK with the same kid.
func NewServiceKey() (private, public []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	key, err := jwk.FromRaw(pair)
	if err == nil {
		err = jwk.AssignKeyID(key)
	}
	for name, v := range map[string]any{jwk.AlgorithmKey: jwa.ES256, jwk.KeyUsageKey: "sig"} {
		if err == nil {
			err = key.Set(name, v)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	half, err := jwk.PublicKeyOf(key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	if private, err = json.Marshal(key); err == nil {
		public, err = json.Marshal(half)
	}
	return private, public, err
}
