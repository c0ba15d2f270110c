package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	pendingLife  = 5 * time.Minute
	enrolLife    = 10 * time.Minute
	pendingTries = 10 // wrong codes for one mfa or enrolment token; the account's own count is stricter
)

// pending is a login that has taken its first step.
type pending struct {
	termOrNone
	Account  string    `json:"a"`
	Revision int64     `json:"r"` // of the account: a change of it voids the login
	AuthTime time.Time `json:"t"`
	Methods  []string  `json:"m"`           // of the first step
	Enrol    bool      `json:"e,omitempty"` // the second step is to enrol a factor, not to give one
	Remember bool      `json:"l,omitempty"` // as Attempt.Remember
}

// enrolling is an authenticator app that waits for its first code.
type enrolling struct {
	termOrNone
	Account string `json:"a"`
	For     string `json:"s"` // the session, or the pending login, that asked for it
	Secret  string `json:"k"`
}

// The store holds what is pending under the hash of its token, sealed for that place and with its end: who reads the store gets no token of it and no
// secret, who writes to it makes none that opens, and who kept one brings it back for no longer than it would have lasted.

// waits is what the store holds so.
type waits interface {
	lasts(until time.Time)
	over(now time.Time) bool
}

func (m *Manager) pend(ctx context.Context, p pending) (token string, err error) {
	token = rand.Text()
	return token, m.put(ctx, "login", token, &p, pendingLife)
}

// pended finds a login by its token and counts the try; enrol says which second step is wanted of it. Errors: ErrSession.
func (m *Manager) pended(ctx context.Context, token string, enrol bool) (pending, error) {
	var p pending
	err := m.get(ctx, "login", token, &p, pendingLife)
	if err == nil && p.Enrol != enrol { // who has a factor can't get past it by enrolling one
		err = ErrSession
	}
	return p, err
}

// finish ends the pending login: of parallel callers one succeeds. Errors: ErrSession.
func (m *Manager) finish(ctx context.Context, token string) error { return m.take(ctx, "login", token) }

func pendingKey(tag, token string) string { return store.Key(tag, hashSecret([]byte(token))) }

func (m *Manager) put(ctx context.Context, tag, token string, v waits, life time.Duration) error {
	v.lasts(m.Now().Add(life))
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("storing a pending %s: %w", tag, err)
	}
	key := pendingKey(tag, token)
	sealed, err := m.Keys.Seal(raw, key)
	if err == nil {
		err = m.Store.Set(ctx, key, sealed, life)
	}
	if err != nil {
		return fmt.Errorf("storing a pending %s: %w", tag, err)
	}
	return nil
}

// get reads what is pending and counts the try; the try too many removes it. Errors: ErrSession.
func (m *Manager) get(ctx context.Context, tag, token string, v waits, life time.Duration) error {
	if !isID(token) {
		return ErrSession
	}
	key := pendingKey(tag, token)
	sealed, ok, err := m.Store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("reading a pending %s: %w", tag, err)
	}
	if !ok {
		return ErrSession
	}
	tries, err := m.Store.Incr(ctx, pendingKey(tag+"-tries", token), life)
	if err != nil {
		return fmt.Errorf("counting tries of a pending %s: %w", tag, err)
	}
	if tries > pendingTries {
		if err := m.Store.Delete(ctx, key); err != nil {
			return fmt.Errorf("removing a pending %s: %w", tag, err)
		}
		return ErrSession
	}
	return m.open(key, sealed, v)
}

// open reads what put sealed. Errors: ErrSession.
func (m *Manager) open(key string, sealed []byte, v waits) error {
	raw, err := m.Keys.Unseal(sealed, key)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil || v.over(m.Now()) {
		return ErrSession // not ours, of a key ring that is gone, or put back
	}
	return nil
}

// take removes what is pending: of parallel callers one succeeds. Errors: ErrSession.
func (m *Manager) take(ctx context.Context, tag, token string) error {
	_, ok, err := m.Store.Take(ctx, pendingKey(tag, token))
	if err != nil {
		return fmt.Errorf("ending a pending %s: %w", tag, err)
	}
	if !ok {
		return ErrSession
	}
	return nil
}

// takeInto reads what is pending and removes it. Errors: ErrSession.
func (m *Manager) takeInto(ctx context.Context, tag, token string, v waits) error {
	key := pendingKey(tag, token)
	sealed, ok, err := m.Store.Take(ctx, key)
	if err != nil {
		return fmt.Errorf("ending a pending %s: %w", tag, err)
	}
	if !ok {
		return ErrSession
	}
	return m.open(key, sealed, v)
}

// isID tells whether s looks as rand.Text writes.
func isID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
