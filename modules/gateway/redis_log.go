package gateway

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// The client of Redis writes what it thinks to standard error, for the whole process, and many lines a second while Redis is away. Health, metrics and
// events say what matters of it.
func init() { redis.SetLogger(redisLog{}) }

// redisLog has the client's lines in Caddy's log, for who asks for the level debug.
type redisLog struct{}

// Printf implements the client's logger.
func (redisLog) Printf(_ context.Context, format string, v ...any) {
	if log := caddy.Log().Named("redis").Check(zap.DebugLevel, "of the client"); log != nil {
		log.Write(zap.String("says", fmt.Sprintf(format, v...)))
	}
}
