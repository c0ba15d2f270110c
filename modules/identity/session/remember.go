package session

import (
	"errors"
	"slices"
	"time"
)

// Remember is how long sessions last whose owners asked not to be signed out.
type Remember struct {
	Idle     time.Duration // as Config's
	Absolute time.Duration // as Config's
	Except   []string      // roles whose sessions are never remembered
}

const longestRemember = 180 * 24 * time.Hour

func (r *Remember) check(c Config) error {
	switch {
	case r == nil:
		return nil
	case r.Idle < c.Idle:
		return errors.New("remember: idle must not be shorter than that of other sessions")
	case r.Absolute < r.Idle || r.Absolute < c.Absolute:
		return errors.New("remember: absolute must not be shorter than its idle, nor than that of other sessions")
	case r.Absolute > longestRemember:
		return errors.New("remember: absolute must be at most 4320h (180 days)")
	}
	return nil
}

// allows tells whether a person of these roles may be remembered.
func (r *Remember) allows(roles []string) bool {
	return r != nil && !slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(r.Except, role) })
}
