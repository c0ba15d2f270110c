package store

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/link"
)

// Sealed is a Redis whose operator can neither read, move nor forge what is kept there, only take it away, and count up or down what is counted: a number
// that Redis itself adds to can't be sealed.
//
// A seal binds a value to its place, not to its time: what once stood at a key opens there again. Whoever runs the Redis can put an old value back, also one
// that was taken (Take) or whose time is over (the ttl is Redis' own), and with it what was used once can be used again, as it can by deleting a mark that
// Add has left. So what lies here must be of no worth to who has no more than it: docs/security.md says of each purpose what limits it. A value that must not
// come back after its time has its end in itself, as logins under way have; one that must not come back at all has its state in the database.
type Sealed struct {
	plain *Redis
	box   *Box
}

// Seal puts a box around a Redis.
func Seal(r *Redis, box *Box) *Sealed { return &Sealed{r, box} }

// sealedBefore are the tags of logins under way, whose values their makers seal with the key ring under names that are hashes of tokens. They are as they
// were before there was a box, so that in a rolling upgrade a login that began at a gateway of either version ends at any.
var sealedBefore = [...]string{"gw:{login}", "gw:{login-tries}", "gw:{enrol}", "gw:{enrol-tries}", "gw:{webauthn-"}

func isSealed(key string) bool {
	for _, tag := range sealedBefore {
		if strings.HasPrefix(key, tag) {
			return true
		}
	}
	return false
}

// Name is what the key is called there, for those who bring their own scripts.
func (s *Sealed) Name(key string) string {
	if isSealed(key) {
		return key
	}
	return s.box.Name(key)
}

// NameOf is what a key is called in the store.
func NameOf(s Store, key string) string {
	if n, ok := s.(interface{ Name(key string) string }); ok {
		return n.Name(key)
	}
	return key
}

// BoxOf is the store's box, nil where it has none.
func BoxOf(s Store) *Box {
	if n, ok := s.(*Sealed); ok {
		return n.box
	}
	return nil
}

// Get implements Store. Errors: ErrForged.
func (s *Sealed) Get(ctx context.Context, key string) ([]byte, bool, error) {
	v, ok, err := s.plain.Get(ctx, s.Name(key))
	return s.open(key, v, ok, err)
}

// Take implements Store. Errors: ErrForged.
func (s *Sealed) Take(ctx context.Context, key string) ([]byte, bool, error) {
	v, ok, err := s.plain.Take(ctx, s.Name(key))
	return s.open(key, v, ok, err)
}

func (s *Sealed) open(key string, v []byte, ok bool, err error) ([]byte, bool, error) {
	if err != nil || !ok || isSealed(key) {
		return v, ok, err
	}
	// The whole key, not its hash: of two that were one name none would read the other's.
	v, err = s.box.Open(v, key)
	return v, err == nil, err
}

// Set implements Store.
func (s *Sealed) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if len(value) > maxValue {
		return errTooLarge
	}
	return s.plain.client.Set(ctx, s.Name(key), s.seal(key, value), ttl).Err()
}

// Add implements Store.
func (s *Sealed) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if len(value) > maxValue {
		return false, errTooLarge
	}
	return s.plain.client.SetNX(ctx, s.Name(key), s.seal(key, value), ttl).Result()
}

func (s *Sealed) seal(key string, value []byte) []byte {
	if isSealed(key) {
		return value
	}
	return s.box.Seal(value, key)
}

// Incr implements Store.
func (s *Sealed) Incr(ctx context.Context, key string, ttl time.Duration) (int64, error) {
	return s.plain.Incr(ctx, s.Name(key), ttl)
}

// Delete implements Store.
func (s *Sealed) Delete(ctx context.Context, key string) error {
	return s.plain.Delete(ctx, s.Name(key))
}

// Ping implements Store.
func (s *Sealed) Ping(ctx context.Context) error { return s.plain.Ping(ctx) }

// Redis implements Store. Who uses it calls keys by Name, and seals with BoxOf what tells of anybody.
func (s *Sealed) Redis() redis.UniversalClient { return s.plain.client }

// Files are those of its link; nil: it is not encrypted.
func (s *Sealed) Files() *link.Files { return s.plain.files }

// Close implements Store.
func (s *Sealed) Close() error { return s.plain.Close() }
