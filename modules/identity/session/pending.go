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
	Account  string    `json:"a"`
	Revision int64     `json:"r"` // of the account: a change of it voids the login
	AuthTime time.Time `json:"t"`
	Remember bool      `json:"m,omitempty"` // as Attempt.Remember
}

// enrolling is a second factor that waits for its first code.
type enrolling struct {
	Account string `json:"a"`
	Session string `json:"s"`
	Secret  string `json:"k"`
}

// The store holds what is pending under the hash of its token, sealed for that place: who reads the store gets no
// token of it and no secret, and who writes to it makes none that opens.

func (m *Manager) pend(ctx context.Context, p pending) (token string, err error) {
	return m.put(ctx, "login", p, pendingLife)
}

func (m *Manager) pended(ctx context.Context, token string) (pending, error) {
	var p pending
	return p, m.get(ctx, "login", token, &p, pendingLife)
}

// finish ends the pending login: of parallel callers one succeeds. Errors: ErrSession.
func (m *Manager) finish(ctx context.Context, token string) error { return m.take(ctx, "login", token) }

func (m *Manager) put(ctx context.Context, tag string, v any, life time.Duration) (token string, err error) {
	token = rand.Text()
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("storing a pending %s: %w", tag, err)
	}
	key := store.Key(tag, hashSecret([]byte(token)))
	sealed, err := m.Keys.Seal(raw, key)
	if err == nil {
		err = m.Store.Set(ctx, key, sealed, life)
	}
	if err != nil {
		return "", fmt.Errorf("storing a pending %s: %w", tag, err)
	}
	return token, nil
}

// get reads what is pending and counts the try; the try too many removes it. Errors: ErrSession.
func (m *Manager) get(ctx context.Context, tag, token string, v any, life time.Duration) error {
	if !isID(token) {
		return ErrSession
	}
	hash := hashSecret([]byte(token))
	key := store.Key(tag, hash)
	sealed, ok, err := m.Store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("reading a pending %s: %w", tag, err)
	}
	if !ok {
		return ErrSession
	}
	tries, err := m.Store.Incr(ctx, store.Key(tag+"-tries", hash), life)
	if err != nil {
		return fmt.Errorf("counting tries of a pending %s: %w", tag, err)
	}
	if tries > pendingTries {
		if err := m.Store.Delete(ctx, key); err != nil {
			return fmt.Errorf("removing a pending %s: %w", tag, err)
		}
		return ErrSession
	}
	raw, err := m.Keys.Unseal(sealed, key)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		return ErrSession // not ours, or of a key ring that is gone
	}
	return nil
}

func (m *Manager) take(ctx context.Context, tag, token string) error {
	_, ok, err := m.Store.Take(ctx, store.Key(tag, hashSecret([]byte(token))))
	if err != nil {
		return fmt.Errorf("ending a pending %s: %w", tag, err)
	}
	if !ok {
		return ErrSession
	}
	return nil
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
