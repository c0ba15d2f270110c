package ship

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

// StreamConfig says which Redis Stream.
type StreamConfig struct {
	Address string // as a store's
	Options []store.Option
	Key     string
	Most    int64 // entries the stream keeps, roughly
}

// Stream adds events to a Redis Stream: the fields id, action, level and event. An event that was added twice has the same id.
type Stream struct {
	client redis.UniversalClient
	c      StreamConfig
}

// NewStream reads the configuration. It does not connect.
func NewStream(c StreamConfig) (*Stream, error) {
	client, err := store.NewClient(c.Address, c.Options...)
	if err != nil {
		return nil, err
	}
	return &Stream{client, c}, nil
}

// Send implements Sender.
func (s *Stream) Send(ctx context.Context, batch []Message) error {
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, m := range batch {
			p.XAdd(ctx, &redis.XAddArgs{
				Stream: s.c.Key, MaxLen: s.c.Most, Approx: true,
				Values: []any{"id", m.ID, "action", m.Action, "level", m.Level.String(), "event", m.Body},
			})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("adding to the stream: %w", err)
	}
	return nil
}

// Close implements Sender.
func (s *Stream) Close() error { return s.client.Close() }
