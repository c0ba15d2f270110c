package throttle

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

// backend keeps the counts.
type backend interface {
	// charge counts one try more for all keys, or for none; with look it counts nothing and refuses nothing.
	charge(ctx context.Context, scopes []Scope, look bool) (answer, error)
	// settle ends tries.
	settle(ctx context.Context, ends []end) error
}

// answer is counts, as they are with the try, or why it must wait.
type answer struct {
	counts []count
	which  int           // of the scopes makes it wait for longest
	wait   time.Duration // 0: it was counted
	open   int64         // tries of that scope that are being looked at
}

// end is what becomes of one try's count of one key.
type end struct {
	key  string
	rule Rule
	how  string // right: all are forgotten; void: the try's own is taken back, with the wait till then; wrong: it stands
	till int64
}

const (
	right = "right"
	void  = "void"
	wrong = "wrong"
)

type memory struct {
	store *store.Memory
	now   func() time.Time
}

func (m memory) charge(_ context.Context, scopes []Scope, look bool) (a answer, err error) {
	keys := make([]string, len(scopes))
	for i, s := range scopes {
		keys[i] = s.Key
	}
	now := m.now().UnixMicro()
	m.store.Step(keys, func(values [][]byte) []store.Value {
		a.counts = make([]count, len(scopes))
		for i, s := range scopes {
			c := count{last: now}
			if stored, ok := parse(string(values[i])); ok {
				c = stored
			}
			c = c.at(now, s.Rule)
			a.counts[i] = c
			if w := time.Duration(c.till-now) * time.Microsecond; !look && !s.Lifted && w > a.wait {
				a.which, a.wait, a.open = i, w, c.open
			}
		}
		if a.wait > 0 || look {
			return nil
		}
		next := make([]store.Value, len(scopes))
		for i, s := range scopes {
			a.counts[i] = a.counts[i].charged(now, s.Rule)
			next[i] = store.Value{Bytes: []byte(a.counts[i].String()), TTL: a.counts[i].life(now, s.Rule)}
		}
		return next
	})
	return a, nil
}

func (m memory) settle(_ context.Context, ends []end) error {
	now := m.now().UnixMicro()
	for _, e := range ends {
		m.store.Step([]string{e.key}, func(values [][]byte) []store.Value {
			c, ok := parse(string(values[0]))
			if !ok {
				return nil
			}
			c.open = max(0, c.open-1)
			if e.how != wrong {
				c.n--
				if c.till == e.till {
					c.till = 0
				}
			}
			if e.how == right || c.n <= 0 {
				return []store.Value{{}}
			}
			return []store.Value{{Bytes: []byte(c.String()), TTL: c.life(now, e.rule)}}
		})
	}
	return nil
}

func (c count) String() string { return fmt.Sprintf("%d %d %d %d", c.n, c.last, c.till, c.open) }

func parse(s string) (c count, ok bool) {
	f := strings.Split(s, " ")
	if len(f) != 4 {
		return c, false
	}
	for i, to := range []*int64{&c.n, &c.last, &c.till, &c.open} {
		v, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil || v < 0 {
			return count{}, false
		}
		*to = v
	}
	return c, true
}

var (
	//go:embed charge.lua
	chargeSource string
	//go:embed settle.lua
	settleSource string

	chargeScript = redis.NewScript(chargeSource)
	settleScript = redis.NewScript(settleSource)
)

// shared counts in Redis, on Redis's clock. All keys have one tag, so a Cluster has them in one slot.
type shared struct {
	client redis.UniversalClient
	name   func(key string) string // there
}

func (r shared) charge(ctx context.Context, scopes []Scope, look bool) (a answer, err error) {
	keys, args := make([]string, len(scopes)), make([]any, 1, 1+4*len(scopes))
	args[0] = bit(!look)
	for i, s := range scopes {
		keys[i] = r.name(s.Key)
		args = append(args, s.Rule.Free, s.Rule.First.Microseconds(), s.Rule.Longest.Microseconds(), bit(s.Lifted))
	}
	out, err := chargeScript.Run(ctx, r.client, keys, args...).Slice()
	if err != nil {
		return a, err
	}
	n := make([]int64, len(out))
	for i, v := range out {
		if n[i], err = strconv.ParseInt(fmt.Sprint(v), 10, 64); err != nil {
			return a, fmt.Errorf("the script's answer: %w", err)
		}
	}
	switch {
	case len(n) == 4 && n[0] == 0 && n[1] >= 1 && n[1] <= int64(len(scopes)) && n[2] > 0:
		return answer{which: int(n[1] - 1), wait: time.Duration(n[2]) * time.Microsecond, open: n[3]}, nil
	case len(n) != 1+2*len(scopes) || n[0] != 1:
		return a, fmt.Errorf("the script's answer: %v", n)
	}
	a.counts = make([]count, len(scopes))
	for i := range a.counts {
		a.counts[i] = count{n: n[1+2*i], till: n[2+2*i]}
	}
	return a, nil
}

func (r shared) settle(ctx context.Context, ends []end) error {
	keys, args := make([]string, len(ends)), make([]any, len(ends))
	for i, e := range ends {
		keys[i] = r.name(e.key)
		switch e.how {
		case right:
			args[i] = "clear"
		case wrong:
			args[i] = "wrong"
		default:
			args[i] = strconv.FormatInt(e.till, 10)
		}
	}
	return settleScript.Run(ctx, r.client, keys, args...).Err()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
