package store

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/trace"
)

// spans tells the trace of a request of each command to Redis, by its name alone: keys and values are people's.
type spans struct{}

var redisAttrs = []trace.Attr{trace.Text("db.system.name", "redis")}

// DialHook implements redis.Hook.
func (spans) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements redis.Hook.
func (spans) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !reqctx.Traced(ctx) {
			return next(ctx, cmd)
		}
		ended := reqctx.Span(ctx, "redis "+cmd.Name(), redisAttrs...)
		err := next(ctx, cmd)
		ended(failure(err))
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (spans) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ended := reqctx.Span(ctx, "redis pipeline", redisAttrs...)
		err := next(ctx, cmds)
		ended(failure(err))
		return err
	}
}

// failure leaves out what Redis answers to a key that is not there, and to a script that it does not know yet.
func failure(err error) error {
	var said redis.Error
	if errors.As(err, &said) {
		return nil
	}
	return err
}
