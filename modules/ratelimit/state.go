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

func acquire() (*state, error) {
	v, _, err := states.LoadOrNew(stateKey, func() (caddy.Destructor, error) {
		return &state{limits: limit.NewState(0, time.Now), leases: newLeases(time.Now, time.Second), registry: newRegistry()}, nil
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
