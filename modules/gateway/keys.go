package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

const (
	defaultRotation = 30 * 24 * time.Hour
	leastRotation   = 3 * time.Hour // more than a key takes to come and to go
)

func (a *App) parseRotation(d *caddyfile.Dispenser) error {
	var v string
	if err := one(d, &v); err != nil {
		return err
	}
	if v == "off" {
		a.KeyRotation = -1
		return nil
	}
	age, err := caddy.ParseDuration(v)
	if err == nil && age <= 0 {
		err = errors.New("it must be above 0")
	}
	if err == nil {
		a.KeyRotation = caddy.Duration(age)
		err = checkRotation(a.KeyRotation)
	}
	if err != nil {
		return d.Errf("key_rotation: %q: %v, as in: key_rotation 30d", v, err)
	}
	return nil
}

// openKeys opens the key ring, before anything is opened that goes by it: the audit log of other keys would be set aside.
func (a *App) openKeys(ctx context.Context) (*keyring.Ring, error) {
	return keyring.OpenFor(a.Keys, func() (bool, error) {
		c, err := database.Parse(a.Database, a.DataDir)
		if err != nil {
			return false, err
		}
		return database.Sealed(ctx, c)
	})
}

func checkRotation(age caddy.Duration) error {
	if age > 0 && time.Duration(age) < leastRotation {
		return errors.New("keys must sign for at least 3h before they are replaced")
	}
	return nil
}

// rotation is the age at which signing keys are replaced; 0: never.
func (a *App) rotation() time.Duration {
	switch {
	case a.KeyRotation < 0:
		return 0
	case a.KeyRotation == 0 && !strings.HasPrefix(a.Database, "sqlite:"):
		return 0 // a fleet: each gateway may have its own copy of the folder, which would then have its own keys
	case a.KeyRotation == 0:
		return defaultRotation
	}
	return time.Duration(a.KeyRotation)
}

// observeKeys records what becomes of the signing keys.
func observeKeys(events *event.Bus, logger *zap.Logger) keyring.Observer {
	return keyring.Observer{
		Changed: func(keys []keyring.Key) {
			fields := make([]zap.Field, 0, 3)
			for _, k := range keys {
				switch k.State {
				case keyring.Signing:
					fields = append(fields, zap.String("gateway.keys.signing", k.ID))
				case keyring.Next:
					fields = append(fields, zap.String("gateway.keys.next", k.ID), zap.Time("gateway.keys.next_from", k.From))
				}
			}
			events.Emit(&event.Event{Category: "configuration", Action: "signing-keys-changed", Outcome: event.Success, Fields: fields})
			logger.Info("the signing keys have changed", fields...)
		},
		Failed: func(err error) {
			// Those in force go on: what is signed and verified does not change.
			logger.Error("the key folder can't be read or written: signing keys stay as they are", zap.Error(err))
		},
	}
}
