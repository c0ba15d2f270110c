package session

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// uses remembers which tokens were used since it was last written down: a request costs no write, and the database one a minute for each token.
type uses struct {
	mu sync.RWMutex
	at map[string]time.Time // the first use
}

func (u *uses) note(id string, now func() time.Time) {
	u.mu.RLock()
	_, noted := u.at[id]
	u.mu.RUnlock()
	if noted {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	u.at[id] = now()
}

func (u *uses) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.at
	u.at = nil
	return at
}

func (m *Manager) writeUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := m.tokens.Used(ctx, m.uses.take()); err != nil {
		m.Log.Warn("the last use of tokens could not be written down: their owners see an older one", zap.Error(err))
	}
}
