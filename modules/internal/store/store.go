// Package store is the fast state that gateways share for a while: small values by key, each with an expiry. It
// lives in this process (Memory) or in Redis. What must survive a restart belongs in the database.
package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Store holds values for a while. Every value expires. An error means that the store could not be asked: the caller decides
// whether that is open or closed. Keys are made by Key; values are at most 64 KiB.
type Store interface {
	// Get returns the value, false where there is none.
	Get(ctx context.Context, key string) ([]byte, bool, error)
	// Set writes the value, whatever was there.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Add writes the value unless there is one, and tells whether it did.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	// Take returns the value and removes it: of parallel callers one gets it.
	Take(ctx context.Context, key string) ([]byte, bool, error)
	// Incr adds one to a counter and returns it. The expiry is set by the first call and stays.
	Incr(ctx context.Context, key string, ttl time.Duration) (int64, error)
	// Delete removes the value.
	Delete(ctx context.Context, key string) error
	// Ping tells whether the store answers.
	Ping(ctx context.Context) error
	// Redis returns the client for those who bring their own scripts, nil where the store is memory.
	Redis() redis.UniversalClient
	// Close ends the connections, or forgets everything.
	Close() error
}

// Key joins parts into one key that no other parts give: each is written with its length.
// The first part is the tag (what the key is for) and is what Redis Cluster hashes: gw:{tag}:…
func Key(tag string, parts ...string) string {
	n := len(tag) + 6
	for _, p := range parts {
		n += len(p) + 5
	}
	b := make([]byte, 0, n)
	b = append(b, "gw:{"...)
	b = append(b, tag...)
	b = append(b, '}')
	for _, p := range parts {
		b = append(b, ':')
		b = appendInt(b, len(p))
		b = append(b, ':')
		b = append(b, p...)
	}
	return string(b)
}

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}
