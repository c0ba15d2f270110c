package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a Store that gateways share. A call takes at most the time its context allows and never more than a second.
type Redis struct{ client redis.UniversalClient }

// incr sets the expiry with the first count only, in one step: a counter without expiry would stay for ever.
var incr = redis.NewScript(`local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n`)

// OpenRedis connects to the addresses:
//
//	redis://[user:password@]host:port[/db], rediss:// for TLS        one server
//	redis+sentinel://[user:password@]host:port,host:port/master[/db]  the master that Sentinel names
//	redis+cluster://[user:password@]host:port,host:port               a Cluster
//
// rediss+sentinel and rediss+cluster speak TLS. It fails where no server answers within five seconds, so that a wrong
// address is known at load.
func OpenRedis(ctx context.Context, address string) (*Redis, error) {
	client, err := NewClient(address)
	if err != nil {
		return nil, err
	}
	r := &Redis{client}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("asking Redis at %s: %w", hosts(address), err), r.Close())
	}
	return r, nil
}

// NewClient is a client as OpenRedis makes it, which has not connected yet.
func NewClient(address string) (redis.UniversalClient, error) {
	o, err := parse(address)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true // otherwise go-redis does not mind a context's deadline
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = 2*time.Second, time.Second, time.Second, time.Second
	o.MaxRetries = -1 // a retry charges twice: whoever may repeat does so itself
	// What a Cluster sends elsewhere is asked there after this time, where several calls share a connection; the 8 ms of go-redis are much of a
	// limit's 20.
	o.MinRetryBackoff = time.Millisecond
	return redis.NewUniversalClient(o), nil
}

// hosts is an address without what is secret in it.
func hosts(address string) string {
	o, err := parse(address)
	if err != nil {
		return "?"
	}
	return strings.Join(o.Addrs, ",")
}

func parse(address string) (*redis.UniversalOptions, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return nil, errors.New("redis: the address must begin with redis://, redis+sentinel:// or redis+cluster://")
	}
	base, mode, _ := strings.Cut(scheme, "+")
	if base != "redis" && base != "rediss" {
		return nil, fmt.Errorf("redis: unknown scheme %q", scheme)
	}
	// The list of hosts is no URL host; parse the address with the first one, and keep the list.
	auth, hosts := "", rest
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		auth, hosts = rest[:i+1], rest[i+1:]
	}
	hosts, path, _ := strings.Cut(hosts, "/")
	list := strings.Split(hosts, ",")
	master := ""
	if mode == "sentinel" {
		master, path, _ = strings.Cut(path, "/")
		if master == "" {
			return nil, errors.New("redis+sentinel: name the master: redis+sentinel://host:port,…/master")
		}
	}
	plain, err := redis.ParseURL(base + "://" + auth + list[0] + "/" + path)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the whole would show the password
		}
		return nil, fmt.Errorf("redis: reading the address: %w", err)
	}
	o := &redis.UniversalOptions{Addrs: list, Username: plain.Username, Password: plain.Password, DB: plain.DB, TLSConfig: plain.TLSConfig}
	switch mode {
	case "":
		if len(list) > 1 {
			return nil, errors.New("redis: several hosts need redis+sentinel:// or redis+cluster://")
		}
	case "sentinel":
		o.MasterName = master
	case "cluster":
		o.IsClusterMode = true
	default:
		return nil, fmt.Errorf("redis: unknown scheme %q", scheme)
	}
	return o, nil
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

// Close implements Store.
func (r *Redis) Close() error { return r.client.Close() }

func found(b []byte, err error) ([]byte, bool, error) {
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return b, err == nil, err
}
