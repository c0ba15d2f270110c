package session

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// arrival is what a login finds out about where it comes from.
type arrival struct {
	device.Arrival
	at time.Time
}

// changing changes an account in the transaction in which a session begins, claiming its row first; it returns the account as it is then,
// and what the feed is to tell.
type changing func(*database.Tx) (account.Account, []database.Change, error)

// start writes the session of a login that is complete, and signs its tokens. more, if not nil, runs before in the same transaction. Errors:
// ErrSession where the account has changed since a was read; ErrTooMany.
func (m *Manager) start(ctx context.Context, s *row, a account.Account, t Attempt, more changing) (Result, error) {
	var refresh string
	var changes []database.Change
	err := m.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if more != nil {
			if a, changes, err = more(tx); err != nil {
				return err
			}
		}
		if refresh, err = m.begin(ctx, tx, s, a, t); err != nil {
			return err
		}
		for _, sid := range s.displaced {
			changes = append(changes, database.Change{Topic: "session", Key: sid})
		}
		if len(changes) == 0 {
			return nil
		}
		return tx.Append(ctx, m.Now(), changes...) // last in every transaction: it locks, and all must lock in one order
	})
	if errors.Is(err, ErrTooMany) {
		m.emit(t, a, "login", event.Failure, "the account has as many sessions as it may", "")
	}
	if err != nil {
		return Result{}, err
	}
	if len(changes) > 0 {
		m.Feed.Wake()
	}
	started.Inc()
	m.unusual(t, s)
	for _, sid := range s.displaced {
		m.over(ctx, a.ID, sid, "too many sessions")
	}
	r, err := m.result(s, refresh)
	if s.arrived != nil && s.arrived.Cookie != "" {
		r.Device, r.DeviceExpires = s.arrived.Cookie, s.arrived.at.Add(device.Life)
	}
	return r, err
}

// arrive fills in of a login's session where it was begun and how long it may last. The account's row is claimed in tx.
func (m *Manager) arrive(ctx context.Context, tx *database.Tx, s *row, t Attempt) error {
	now := m.Now()
	s.remembered = t.Remember && m.Remember.allows(s.account.Roles)
	s.absolute = now.Add(m.Absolute)
	if s.remembered {
		s.absolute = now.Add(m.Remember.Absolute)
	}
	v := device.Visit{Account: s.account.ID, Revision: s.account.Revision, Client: t.Client, UserAgent: s.userAgent, Browser: t.Browser, Cookie: t.Device}
	if t.RememberDevice && !s.mfa.IsZero() && m.TrustDevice > 0 {
		v.Trust = now.Add(m.TrustDevice)
	}
	at, err := m.devices.Arrive(ctx, tx, now, v)
	if err != nil {
		return err
	}
	s.device, s.trusted, s.arrived = at.Device.ID, at.Device.Trusted(now, s.account.Revision), &arrival{at, now}
	s.risk = m.risks(at, t, now)
	if s.mfa.IsZero() && s.account.SecondFactor() && !s.trusted {
		return ErrSession // the trust that the second factor was left out for has gone in this very moment
	}
	if !at.New || at.First {
		return nil
	}
	browser, os, _ := device.Agent(s.userAgent)
	return m.notify(ctx, tx, s.account, NoticeNewDevice, map[string]string{"browser": browser, "os": os, "ip": s.ip, "country": s.country})
}
