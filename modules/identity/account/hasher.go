package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// DefaultQueue is how many wait for each hash that is computed: with one core and hashes of 25 ms, two and a half seconds.
const DefaultQueue = 100

// slots lets one hash per core run at a time, in the whole process: a hash takes its memory (19 MiB) and a core, and a
// hundred at once would finish no sooner.
var slots = make(chan struct{}, runtime.GOMAXPROCS(0))

// Hasher hashes passwords. It is safe for use by many.
type Hasher struct {
	params Params
	queue  int64
	dummy  phc
	calls  atomic.Int64
}

// NewHasher makes a hasher of that cost.
func NewHasher(p Params) (*Hasher, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	h := &Hasher{params: p, queue: int64(DefaultQueue * cap(slots))}
	h.dummy = phc{p, random(saltLen), random(keyLen)}
	return h, nil
}

// Limit sets how many hashes may wait at once, in the whole process, before more are refused with ErrBusy.
func (h *Hasher) Limit(n int) { h.queue = int64(n) }

// waiting counts those that wait for a slot, in the whole process, as slots does those that have one.
var waiting atomic.Int64

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

// key computes a hash once it is this one's turn. Errors: the context's, while it waits; ErrBusy.
func (h *Hasher) key(ctx context.Context, password string, with phc) ([]byte, error) {
	select {
	case slots <- struct{}{}:
	default:
		defer waiting.Add(-1)
		if waiting.Add(1) > h.queue {
			return nil, ErrBusy // a queue that only grows serves nobody
		}
		hashesWaiting.Inc()
		defer hashesWaiting.Dec()
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-slots }()
	h.calls.Add(1)
	began := time.Now()
	key := argon2.IDKey([]byte(password), with.salt, with.Time, with.Memory, with.Threads, uint32(len(with.key)))
	hashSeconds.Observe(time.Since(began).Seconds())
	return key, nil
}

// Hash makes a PHC string for the database.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	p := phc{h.params, random(saltLen), make([]byte, keyLen)}
	key, err := h.key(ctx, password, p)
	if err != nil {
		return "", err
	}
	p.key = key
	return p.String(), nil
}

// Verify compares a password with a stored hash. stale says that the hash was made at another cost and should be made
// anew. It takes one hash's time whatever the answer.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, stale bool, err error) {
	p, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	key, err := h.key(ctx, password, p)
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1, p.Params != h.params || len(p.key) != keyLen || len(p.salt) != saltLen, nil
}

// Waste takes as long as Verify, for who does not exist.
func (h *Hasher) Waste(ctx context.Context, password string) error {
	_, err := h.key(ctx, password, h.dummy)
	return err
}

// Calls counts the hashes computed so far: what takes time at a login, and must be as many for who exists and who does not.
func (h *Hasher) Calls() int64 { return h.calls.Load() }
