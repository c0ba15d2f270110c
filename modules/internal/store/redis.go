package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/link"
)

// Redis is a Store that gateways share. A call takes at most the time its context allows and never more than a second.
type Redis struct {
	client redis.UniversalClient
	files  *link.Files // nil: the link is not encrypted
}

// incr sets the expiry with the first count only, in one step: a counter without expiry would stay for ever.
var incr = redis.NewScript(`local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n`)

// OpenRedis connects to the addresses:
//
//	redis://[user:password@]host:port[/db], rediss:// for TLS        one server
//	redis+unix://[user:password@]/path[?db=n]                         one server's socket
//	redis+sentinel://[user:password@]host:port,host:port/master[/db]  the master that Sentinel names
//	redis+cluster://[user:password@]host:port,host:port               a Cluster
//
// rediss+sentinel and rediss+cluster speak TLS. The parameters ca, client_certificate, client_key and server_name are those of link.TLS. It fails where no server answers within five seconds, so that a wrong
// address is known at load.
func OpenRedis(ctx context.Context, address string, with ...Option) (*Redis, error) {
	client, files, err := newClient(address, with)
	if err != nil {
		return nil, err
	}
	r := &Redis{client, files}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.Ping(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) && files != nil {
			// A server that speaks no TLS waits for the rest of what it takes for a command.
			err = fmt.Errorf("%w: is it one that speaks TLS?", err)
		}
		return nil, errors.Join(fmt.Errorf("asking Redis at %s: %w", hosts(address), err), r.Close())
	}
	return r, nil
}

// Option changes how a client connects.
type Option func(*options)

type options struct{ localOnly bool }

// LocalPlain refuses to reach other machines without encryption, also those that Sentinels and Clusters name.
func LocalPlain(o *options) { o.localOnly = true }

const dialTimeout = 2 * time.Second

// NewClient is a client as OpenRedis makes it, which has not connected yet.
func NewClient(address string, with ...Option) (redis.UniversalClient, error) {
	client, _, err := newClient(address, with)
	return client, err
}

func newClient(address string, with []Option) (redis.UniversalClient, *link.Files, error) {
	a, err := parse(address)
	if err != nil {
		return nil, nil, err
	}
	var set options
	for _, option := range with {
		option(&set)
	}
	o := a.options
	var files *link.Files
	if a.tls != nil {
		if files, err = a.tls.Open(); err != nil {
			return nil, nil, fmt.Errorf("redis: %w", err)
		}
		o.ConnMaxLifetime = link.MaxLife
	}
	o.Dialer = dialer(files, set.localOnly)
	o.ContextTimeoutEnabled = true // otherwise go-redis does not mind a context's deadline
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = dialTimeout, time.Second, time.Second, time.Second
	o.MaxRetries = -1 // a retry charges twice: whoever may repeat does so itself
	// What a Cluster sends elsewhere is asked there after this time, where several calls share a connection; the 8 ms of go-redis are much of a
	// limit's 20.
	o.MinRetryBackoff = time.Millisecond
	client := redis.NewUniversalClient(o)
	client.AddHook(spans{})
	return client, files, nil
}

// dialer connects over TCP, and TLS where files says how. Sentinels and Clusters name other servers than the address does: with localOnly a
// link to another machine that is not encrypted is refused also there.
func dialer(files *link.Files, localOnly bool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host := hostOf(addr)
		if files == nil {
			if localOnly && !link.Local(host) {
				return nil, fmt.Errorf("the server at %s, which Redis itself names, would be reached without encryption, which plain_links refuses", addr)
			}
			return d.DialContext(ctx, network, addr)
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout) // of the handshake, too
		defer cancel()
		return (&tls.Dialer{NetDialer: &d, Config: files.Client(host)}).DialContext(ctx, network, addr)
	}
}

// Get implements Store.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, bool, error) {
	return found(r.client.Get(ctx, key).Bytes())
}

// Set implements Store.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if len(value) > maxValue {
		return errTooLarge
	}
	return r.client.Set(ctx, key, value, ttl).Err()
}

// Add implements Store.
func (r *Redis) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if len(value) > maxValue {
		return false, errTooLarge
	}
	return r.client.SetNX(ctx, key, value, ttl).Result()
}

// Take implements Store.
func (r *Redis) Take(ctx context.Context, key string) ([]byte, bool, error) {
	return found(r.client.GetDel(ctx, key).Bytes())
}

// Incr implements Store.
func (r *Redis) Incr(ctx context.Context, key string, ttl time.Duration) (int64, error) {
	return incr.Run(ctx, r.client, []string{key}, ttl.Milliseconds()).Int64()
}

// Delete implements Store.
func (r *Redis) Delete(ctx context.Context, key string) error { return r.client.Del(ctx, key).Err() }

// Ping implements Store.
func (r *Redis) Ping(ctx context.Context) error { return r.client.Ping(ctx).Err() }

// Redis implements Store.
func (r *Redis) Redis() redis.UniversalClient { return r.client }

// Files are those of its link; nil: it is not encrypted.
func (r *Redis) Files() *link.Files { return r.files }

// Close implements Store.
func (r *Redis) Close() error { return r.client.Close() }

func found(b []byte, err error) ([]byte, bool, error) {
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return b, err == nil, err
}
