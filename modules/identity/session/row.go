package session

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// row is one session in the database, with its account.
type row struct {
	id                        string
	account                   account.Account // only ID, Name, Roles, Disabled and CreatedAt are read
	created, authTime, mfa    time.Time
	methods                   []string
	userAgent, ip, country    string
	device                    string
	remembered, trusted       bool
	risk                      []string
	idle, absolute, used      time.Time
	refresh, previous         string // hex SHA-256
	rotated, accessUntil, end time.Time

	arrived   *arrival // of a login that is being completed
	displaced []string // sessions that it ended
}

// lives tells whether the session can still be used.
func (s *row) lives(now time.Time) bool {
	return s.end.IsZero() && !s.account.Disabled && now.Before(s.idle) && now.Before(s.absolute)
}

// acr is how sure the session's factors make who it is.
func (s *row) acr() string {
	if s.mfa.IsZero() {
		return reqctx.ACRSingle
	}
	return reqctx.ACRMulti
}

// read finds a session, living or not. Errors: ErrSession where there is none.
func (m *Manager) read(ctx context.Context, sid string) (row, error) {
	s := row{id: sid}
	var roles, methods, risk string
	var disabled, made, created, auth, mfa, idle, absolute, used, rotated, until, end, remembered, trusted int64
	err := m.DB.QueryRow(ctx, `SELECT s.account, a.username, a.roles, a.disabled, a.created_at, s.created_at, s.auth_time, s.mfa_time, s.amr, s.user_agent, s.ip,
		s.country, s.device, s.remembered, s.trusted, s.risk, s.idle_at, s.absolute_at, s.used_at, s.refresh, s.previous, s.rotated_at, s.access_until, s.ended_at
		FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.id = ?`, sid).Scan(
		&s.account.ID, &s.account.Name, &roles, &disabled, &made, &created, &auth, &mfa, &methods, &s.userAgent, &s.ip,
		&s.country, &s.device, &remembered, &trusted, &risk, &idle, &absolute, &used, &s.refresh, &s.previous, &rotated, &until, &end)
	if errors.Is(err, sql.ErrNoRows) {
		return s, ErrSession
	}
	if err != nil {
		return s, fmt.Errorf("reading a session: %w", err)
	}
	if err := m.unseal(sid, &s.ip, &s.userAgent); err != nil {
		return s, err
	}
	t := database.Time
	s.account.Roles, s.account.Disabled, s.methods = strings.Split(roles, ","), disabled != 0, strings.Split(methods, ",")
	s.account.CreatedAt = t(made)
	s.created, s.authTime, s.mfa, s.idle, s.absolute, s.used = t(created), t(auth), t(mfa), t(idle), t(absolute), t(used)
	s.remembered, s.trusted, s.risk = remembered != 0, trusted != 0, list(risk)
	s.rotated, s.accessUntil, s.end = t(rotated), t(until), t(end)
	return s, nil
}

// What tells where a person was is sealed for its row.
func ipPlace(sid string) string    { return store.Key("sessions", "ip", sid) }
func agentPlace(sid string) string { return store.Key("sessions", "user_agent", sid) }

// unseal replaces what is stored of a session by what it says.
func (m *Manager) unseal(sid string, ip, agent *string) (err error) {
	if *ip, err = m.Keys.UnsealText(*ip, ipPlace(sid)); err == nil {
		*agent, err = m.Keys.UnsealText(*agent, agentPlace(sid))
	}
	if err != nil {
		return fmt.Errorf("reading a session: %w", err)
	}
	return nil
}

// living finds a session of this subject that can be used. Errors: ErrSession.
func (m *Manager) living(ctx context.Context, id *reqctx.Identity) (row, error) {
	s, err := m.read(ctx, id.Session)
	if err == nil && (!s.lives(m.Now()) || s.account.ID != id.Subject) {
		err = ErrSession
	}
	return s, err
}

// begin writes a new session with fresh secrets. s has created, authTime, mfa and methods; the successor of another session also
// what that was told of the client, which t replaces where it knows it. The rest is set here.
// a is as it was read before the proof was looked at. Errors: ErrSession where the account has changed since.
func (m *Manager) begin(ctx context.Context, tx *database.Tx, s *row, a account.Account, t Attempt) (refresh string, err error) {
	now := m.Now()
	switch err := m.Accounts.SignIn(ctx, tx, now, a); {
	case errors.Is(err, account.ErrNotFound):
		return "", ErrSession
	case err != nil:
		return "", err
	}
	login := s.id == ""
	s.id, s.account = rand.Text(), a
	if t.UserAgent != "" {
		s.userAgent = strings.ToValidUTF8(event.Cut(strings.ReplaceAll(t.UserAgent, "\x00", ""), 256), "") // PostgreSQL takes no other text
	}
	if t.Client.IP.IsValid() {
		s.ip, s.country = t.Client.IP.String(), t.Client.Country
	}
	if login {
		if err := m.arrive(ctx, tx, s, t); err != nil {
			return "", err
		}
		if err := m.makeRoom(ctx, tx, s); err != nil {
			return "", err
		}
	}
	s.rotated, s.used = now, now
	s.idle = m.idleAt(now, s)
	s.accessUntil = m.accessExpiry(now, s)
	secret := m.newSecret()
	s.refresh = hashSecret(secret)
	ip, err := m.Keys.SealText(s.ip, ipPlace(s.id))
	if err != nil {
		return "", fmt.Errorf("writing a session: %w", err)
	}
	agent, err := m.Keys.SealText(s.userAgent, agentPlace(s.id))
	if err != nil {
		return "", fmt.Errorf("writing a session: %w", err)
	}
	us := database.Micros
	_, err = tx.Exec(ctx, `INSERT INTO sessions (id, account, created_at, auth_time, mfa_time, amr, user_agent, ip, country,
		device, remembered, trusted, risk, used_at, idle_at, absolute_at, refresh, rotated_at, access_until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.id, s.account.ID, us(s.created), us(s.authTime), us(s.mfa), strings.Join(s.methods, ","), agent, ip, s.country,
		s.device, bit(s.remembered), bit(s.trusted), strings.Join(s.risk, ","), us(s.used), us(s.idle), us(s.absolute), s.refresh, us(s.rotated), us(s.accessUntil))
	if err != nil {
		return "", fmt.Errorf("writing a session: %w", err)
	}
	return m.refreshToken(s.id, secret), nil
}

// result signs the access token of a session whose row says it was given out.
func (m *Manager) result(s *row, refresh string) (Result, error) {
	id := &reqctx.Identity{
		Subject: s.account.ID, Name: s.account.Name, Roles: s.account.Roles, Session: s.id, Methods: s.methods,
		Kind: reqctx.KindPerson, ACR: s.acr(), Trusted: s.trusted, Risk: s.risk, AuthTime: s.authTime.Truncate(time.Second), MFATime: s.mfa.Truncate(time.Second), Expires: s.accessUntil,
		Created: s.account.CreatedAt.Truncate(time.Second), Begun: s.created, Device: s.device,
	}
	access, err := m.issuer.Issue(id)
	if err != nil {
		return Result{}, err
	}
	return Result{Identity: id, Tokens: &Tokens{Access: access, AccessExpires: id.Expires, Refresh: refresh, RefreshExpires: s.idle}}, nil
}

func (m *Manager) accessExpiry(now time.Time, s *row) time.Time {
	return earlier(now.Add(m.Access), s.absolute).Truncate(time.Second)
}

// idleAt is when a session that is used now ends unless it is used again.
func (m *Manager) idleAt(now time.Time, s *row) time.Time {
	idle := m.Idle
	if s.remembered && m.Remember != nil {
		idle = m.Remember.Idle
	}
	return earlier(now.Add(idle), s.absolute)
}

// list reads what is separated by commas; nothing is no list.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
