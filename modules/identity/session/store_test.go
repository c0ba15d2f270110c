package session

import (
	"context"
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/internal/store"
)

// expiringStore expires values by the test's clock.
type expiringStore struct {
	store.Store
	now func() time.Time
	at  map[string]time.Time
}

func (s expiringStore) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	s.at[key] = s.now().Add(ttl)
	return s.Store.Set(ctx, key, value, 24*time.Hour)
}

func (s expiringStore) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if at, ok := s.at[key]; ok && !s.now().Before(at) {
		return nil, false, nil
	}
	return s.Store.Get(ctx, key)
}

// brokenStore answers nothing.
type brokenStore struct{ store.Store }

var errBroken = errors.New("the store is away")

func (brokenStore) Get(context.Context, string) ([]byte, bool, error)          { return nil, false, errBroken }
func (brokenStore) Set(context.Context, string, []byte, time.Duration) error   { return errBroken }
func (brokenStore) Incr(context.Context, string, time.Duration) (int64, error) { return 0, errBroken }
func (brokenStore) Take(context.Context, string) ([]byte, bool, error)         { return nil, false, errBroken }
func (brokenStore) Add(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errBroken
}
