package ratelimit

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// state is what this process counts. All handlers share it, and each configuration hands it on to the next: a reload
// gives nobody a new burst, and forgets nothing that is in flight.
type state struct {
	limits   *limit.State
	leases   *leases
	registry *registry
}

var states = caddy.NewUsagePool()

const stateKey = "state"

// newState makes a state that looks each time that every has passed which leases are due.
func newState(now func() time.Time, every time.Duration) *state {
	return &state{limits: limit.NewState(0, now), leases: newLeases(now, every), registry: newRegistry()}
}

func acquire() (*state, error) {
	v, _, err := states.LoadOrNew(stateKey, func() (caddy.Destructor, error) {
		return newState(time.Now, time.Second), nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*state), nil
}

func release() error {
	_, err := states.Delete(stateKey)
	return err
}

// Destruct implements caddy.Destructor.
func (s *state) Destruct() error {
	s.leases.close()
	return nil
}
