package doctor

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis looks at the store: that it answers and how fast, which version it is, and whether it would throw away what the gateway keeps there.
func Redis(ctx context.Context, c redis.UniversalClient) []Finding {
	best := time.Duration(1<<63 - 1)
	for range 5 {
		began := time.Now()
		if err := c.Ping(ctx).Err(); err != nil {
			return []Finding{fail("redis", "see that it runs, that this machine may reach it, and that address, password and certificates are right", "it does not answer: %v", err)}
		}
		best = min(best, time.Since(began))
	}
	all := []Finding{latency("redis", best)}
	asked := time.Now()
	if there, err := c.Time(ctx).Result(); err == nil {
		all = append(all, Skew("clock-redis", "Redis", asked, time.Now(), there))
	}
	info, err := c.Info(ctx).Result()
	if err != nil {
		return append(all, warn("redis-settings", "let the gateway's user run INFO", "it does not tell how it is set: %v", err))
	}
	return append(all, RedisInfo(info)...)
}

func latency(check string, best time.Duration) Finding {
	const do = "put it nearer: each request may wait for it"
	switch {
	case best > 100*time.Millisecond:
		return fail(check, do, "its fastest answer took %s", best.Round(time.Millisecond))
	case best > 5*time.Millisecond:
		return warn(check, do, "its fastest answer took %s", best.Round(100*time.Microsecond))
	}
	return ok(check, "answers in %s", best.Round(10*time.Microsecond))
}

// RedisInfo judges what INFO says.
func RedisInfo(info string) []Finding {
	says := map[string]string{}
	for in := bufio.NewScanner(strings.NewReader(info)); in.Scan(); {
		if name, v, is := strings.Cut(in.Text(), ":"); is {
			says[name] = strings.TrimSpace(v)
		}
	}
	var all []Finding
	if v := says["redis_version"]; v != "" {
		major, _, _ := strings.Cut(v, ".")
		if n, err := strconv.Atoi(major); err == nil && n < 6 {
			all = append(all, fail("redis-version", "upgrade it to 7 or later", "version %s is too old", v))
		} else {
			all = append(all, ok("redis-version", "version %s", v))
		}
	}
	switch policy := says["maxmemory_policy"]; {
	case policy == "" || says["maxmemory"] == "0" && policy == "noeviction":
		all = append(all, warn("redis-memory", "set maxmemory below what its machine has", "it bounds its memory by nothing: it is killed when its machine has no more"))
	case strings.HasPrefix(policy, "allkeys"):
		all = append(all, fail("redis-memory", "CONFIG SET maxmemory-policy noeviction, or volatile-ttl", "its policy %s throws away sessions' and limits' state when memory is short", policy))
	case strings.HasPrefix(policy, "volatile") && policy != "volatile-ttl":
		all = append(all, warn("redis-memory", "CONFIG SET maxmemory-policy noeviction, or volatile-ttl", "its policy %s throws away any key that expires, limits and challenges among them, when memory is short", policy))
	default:
		all = append(all, ok("redis-memory", "policy %s", policy))
	}
	used, limit := number(says["used_memory"]), number(says["maxmemory"])
	if limit > 0 && used > limit*9/10 {
		all = append(all, fail("redis-full", "give it more memory", "%d of %d MiB are used", used>>20, limit>>20))
	}
	if says["aof_enabled"] == "0" && says["rdb_last_bgsave_status"] == "err" {
		all = append(all, warn("redis-persistence", "look at its log and its disk", "its last snapshot failed"))
	} else {
		all = append(all, ok("redis-persistence", "what it holds may be lost: counters begin anew, and second steps of logins are asked for again"))
	}
	return all
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Link tells how a link is protected; hosts are those of other machines that are reached without verified TLS.
func Link(check string, hosts []string, encrypted bool) Finding {
	switch {
	case len(hosts) > 0:
		return fail(check, "name a ca for it, or write rediss:// or sslmode=verify-full", "%s is reached in the clear, or without knowing that it is it", fmt.Sprint(hosts))
	case encrypted:
		return ok(check, "verified TLS")
	}
	return ok(check, "does not leave this machine")
}
