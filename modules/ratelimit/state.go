package ratelimit

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// state is what this process counts. All handlers share it, and each configuration hands it on to the next: a reload
// gives nobody a new burst.
type state struct {
	limits *limit.State

	mu      sync.Mutex
	sockets map[string]int // open ones, by client
}

var states = caddy.NewUsagePool()

const stateKey = "state"

func acquire() (*state, error) {
	v, _, err := states.LoadOrNew(stateKey, func() (caddy.Destructor, error) {
		return &state{limits: limit.NewState(0, time.Now), sockets: map[string]int{}}, nil
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

// Destruct implements caddy.Destructor. There is nothing to close.
func (*state) Destruct() error { return nil }

// open counts one more socket of the client, unless it has max of them.
func (s *state) open(client string, max int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sockets[client] >= max {
		return false
	}
	s.sockets[client]++
	return true
}

func (s *state) closed(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sockets[client]--; s.sockets[client] <= 0 {
		delete(s.sockets, client)
	}
}
