package identity

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/identity/session"
)

// Remember is how long the sessions last of people who ask at their login to stay signed in. Browsers keep their cookies for as long.
type Remember struct {
	// As App.Idle. Default: 336h (14 days).
	Idle caddy.Duration `json:"idle,omitempty"`

	// As App.Absolute; at most 4320h (180 days). Default: 720h (30 days).
	Absolute caddy.Duration `json:"absolute,omitempty"`

	// Roles whose people are never remembered. Default: none.
	Except []string `json:"except,omitempty"`
}

func (r *Remember) config() *session.Remember {
	if r == nil {
		return nil
	}
	c := &session.Remember{Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour, Except: r.Except}
	if r.Idle != 0 {
		c.Idle = time.Duration(r.Idle)
	}
	if r.Absolute != 0 {
		c.Absolute = time.Duration(r.Absolute)
	}
	return c
}

// TrustedDevices is whether, and for how long, a person may leave out the second factor on a device where it was given.
type TrustedDevices struct {
	// Nobody may.
	Off bool `json:"off,omitempty"`

	// At most 8760h (365 days). Default: 720h (30 days).
	For caddy.Duration `json:"for,omitempty"`
}

func (t *TrustedDevices) config() time.Duration {
	switch {
	case t == nil || !t.Off && t.For == 0:
		return 30 * 24 * time.Hour
	case t.Off:
		return 0
	}
	return time.Duration(t.For)
}

// MaxSessions is how many sessions an account has at once.
type MaxSessions struct {
	// How many, 1 to 1000. Default: 50.
	Count int `json:"count,omitempty"`

	// What a login does that would be one more: "oldest" ends the session that was not used for the longest, "refuse" fails. Default: oldest.
	Full string `json:"full,omitempty"`
}

const defaultSessions = 50

func (m *MaxSessions) config() (count int, refuse bool) {
	if m == nil {
		return defaultSessions, false
	}
	count = m.Count
	if count == 0 {
		count = defaultSessions
	}
	return count, m.Full == "refuse"
}

func (m *MaxSessions) check() error {
	if m == nil || m.Full == "" || m.Full == "oldest" || m.Full == "refuse" {
		return nil
	}
	return fmt.Errorf("max_sessions: %q is neither oldest nor refuse", m.Full)
}
