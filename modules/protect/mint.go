package protect

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// minter makes ids: ULIDs, of which a later one sorts behind an earlier one, within a millisecond too, and which nobody can guess.
type minter struct {
	now func() time.Time

	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
	last    uint64
}

func newMinter(now func() time.Time) *minter {
	return &minter{now: now, entropy: ulid.Monotonic(rand.Reader, 0)}
}

// next is a new id.
func (m *minter) next() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = max(m.last, ulid.Timestamp(m.now())) // a clock that was set back goes on where it was
	for {
		id, err := ulid.New(m.last, m.entropy)
		if err == nil {
			return id.String()
		}
		m.last++ // this millisecond's are used up; crypto/rand itself never fails
	}
}
