package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Open is a session that lives, as its owner sees it.
type Open struct {
	ID         string
	Current    bool // it is the one that asks
	UserAgent  string
	IP         string // of the login, or of a step up after it
	Country    string
	CreatedAt  time.Time
	UsedAt     time.Time // last login, refresh or step up
	EndsAt     time.Time // at the latest
	Remembered bool
	Device     string
}

// mostListed is of one account, which has no more than Config.MaxSessions unless that was changed.
const mostListed = 1000

// Sessions lists the person's open sessions, the last used first. Errors: ErrSession.
func (m *Manager) Sessions(ctx context.Context, id *reqctx.Identity) ([]Open, error) {
	if _, err := m.living(ctx, id); err != nil {
		return nil, err
	}
	at := database.Micros(m.Now())
	rows, err := m.DB.Query(ctx, `SELECT id, user_agent, ip, country, created_at, used_at, rotated_at, absolute_at, remembered, device FROM sessions
		WHERE account = ? AND ended_at = 0 AND idle_at > ? AND absolute_at > ? ORDER BY used_at DESC, rotated_at DESC, id LIMIT ?`, id.Subject, at, at, mostListed)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	defer rows.Close()
	all := []Open{}
	for rows.Next() {
		var o Open
		var created, used, rotated, absolute, remembered int64
		if err := rows.Scan(&o.ID, &o.UserAgent, &o.IP, &o.Country, &created, &used, &rotated, &absolute, &remembered, &o.Device); err != nil {
			return nil, fmt.Errorf("listing sessions: %w", err)
		}
		if err := m.unseal(o.ID, &o.IP, &o.UserAgent); err != nil {
			return nil, err
		}
		o.CreatedAt, o.UsedAt, o.EndsAt = database.Time(created), database.Time(max(used, rotated)), database.Time(absolute)
		o.Current, o.Remembered = o.ID == id.Session, remembered != 0
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return all, nil
}

// EndSession ends one session of the person's own. Errors: ErrNotFound, also for somebody else's and for one that has ended; ErrSession.
func (m *Manager) EndSession(ctx context.Context, id *reqctx.Identity, sid string) error {
	if _, err := m.living(ctx, id); err != nil {
		return err
	}
	s, err := m.read(ctx, sid)
	if errors.Is(err, ErrSession) || err == nil && (s.account.ID != id.Subject || !s.lives(m.Now())) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return m.end(ctx, sid, "ended by its owner")
}

// EndSessions ends the person's sessions, but for the one that asks unless current is set. A login that has taken its first step only, and
// the trust in devices, end with them. Errors: ErrSession.
func (m *Manager) EndSessions(ctx context.Context, id *reqctx.Identity, current bool) error {
	_, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	except := id.Session
	if current {
		except = ""
	}
	return m.Change(ctx, a, except, "all ended by their owner", func(tx *database.Tx, _ time.Time) error {
		if err := m.claim(ctx, tx, a); err != nil {
			return err
		}
		return m.Accounts.Touch(ctx, tx, a.ID)
	})
}

// Devices lists where the person has signed in from, the last used first, and tells which of them the cookie is of. Errors: ErrSession.
func (m *Manager) Devices(ctx context.Context, id *reqctx.Identity) (all []device.Device, current string, err error) {
	s, a, err := m.current(ctx, id)
	if err != nil {
		return nil, "", err
	}
	all, err = m.devices.List(ctx, m.Now(), id.Subject)
	for i := range all {
		if !all[i].Trusted(m.Now(), a.Revision) {
			all[i].TrustedUntil = time.Time{}
		}
	}
	return all, s.device, err
}

// ForgetDevice makes a device of the person's unknown, and ends its sessions. Errors: ErrNotFound, also for somebody else's; ErrSession.
func (m *Manager) ForgetDevice(ctx context.Context, id *reqctx.Identity, device string) error {
	_, a, err := m.current(ctx, id)
	if err != nil {
		return err
	}
	const reason = "its device was removed"
	var ids []string
	err = m.DB.InTx(ctx, func(tx *database.Tx) error {
		now := m.Now()
		if err := m.claim(ctx, tx, a); err != nil { // no login begins a session there beside it
			return err
		}
		if err := m.devices.Forget(ctx, tx, a.ID, device); err != nil {
			return err
		}
		ids, err = endOf(ctx, tx, now, a.ID, device, reason)
		if err != nil || len(ids) == 0 {
			return err
		}
		changes := make([]database.Change, len(ids))
		for i, sid := range ids {
			changes[i] = database.Change{Topic: "session", Key: sid}
		}
		return tx.Append(ctx, now, changes...)
	})
	if err != nil {
		return forgetError(err)
	}
	m.Feed.Wake()
	for _, sid := range ids {
		m.over(ctx, a.ID, sid, reason)
	}
	m.iam(ctx, a, "device-removed", "", id.Session)
	return nil
}

func forgetError(err error) error {
	if errors.Is(err, device.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// endOf ends the account's sessions on one device and returns their ids.
func endOf(ctx context.Context, tx *database.Tx, now time.Time, account, device, reason string) ([]string, error) {
	at := database.Micros(now)
	if _, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = ?, reason = ? WHERE account = ? AND device = ? AND ended_at = 0`, at, reason, account, device); err != nil {
		return nil, fmt.Errorf("ending a device's sessions: %w", err)
	}
	rows, err := tx.Query(ctx, `SELECT id FROM sessions WHERE account = ? AND device = ? AND ended_at = ? AND idle_at > ?`, account, device, at, at)
	if err != nil {
		return nil, fmt.Errorf("ending a device's sessions: %w", err)
	}
	return scanIDs(rows)
}
