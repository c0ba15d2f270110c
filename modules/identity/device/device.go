// Package device is where people have signed in from: browsers, known again by a cookie that holds a secret, and programs, known
// again by what they say of themselves and where they call from.
//
// A device is of one account. That it is known gives no right; it spares the owner what strangers are made to wait for, and it can be
// trusted (no second factor is asked for) for a while. Who plants a cookie in somebody's browser plants none that is known: the
// account's next login there makes a new one.
package device

import (
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	// Life is how long a device is known after its last login: as long as browsers keep a cookie.
	Life = 400 * 24 * time.Hour
	most = 50 // devices of one account; the one that was not used for the longest makes room
)

// ErrNotFound is a device that is not there, or is somebody else's.
var ErrNotFound = errors.New("no such device")

// Device is one of an account's.
type Device struct {
	ID           string
	Account      string
	Browser      bool   // it holds a secret; a program does not
	UserAgent    string // and the next three: of the last login
	IP           string
	Country      string
	UsedAt       time.Time
	CreatedAt    time.Time
	TrustedUntil time.Time // zero: it is not trusted
	revision     int64     // of the account, when it was trusted
}

// Trusted tells whether the second factor need not be asked for: it was given here not long ago, and nothing of the account (password, roles, factors,
// state) has changed since.
func (d *Device) Trusted(now time.Time, revision int64) bool {
	return d.Browser && now.Before(d.TrustedUntil) && d.revision == revision
}

// Store reads and writes devices. It is safe for use by many.
type Store struct {
	db   *database.DB
	keys *keyring.Ring
	key  []byte // tells programs apart
}

// NewStore makes a store. keys are the same for all gateways of a fleet.
func NewStore(db *database.DB, keys *keyring.Ring) *Store {
	return &Store{db, keys, keys.Derive("program device")}
}

// What tells where a person was is sealed for its row.
func ipPlace(id string) string    { return store.Key("devices", "ip", id) }
func agentPlace(id string) string { return store.Key("devices", "user_agent", id) }
