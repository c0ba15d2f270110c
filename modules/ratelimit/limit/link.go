package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// On a Redis Cluster each part of the slots has a breaker and each larger part a lane of its own, so that a master which is lost, or
// silent, takes only its own slots along.
const (
	hashSlots    = 16384
	clusterGates = 64
	clusterLanes = 16
)

// ErrUnavailable says that Redis is left alone for a while, because it did not answer.
var ErrUnavailable = errors.New("the limits' Redis did not answer, and is left alone for a while")

// link is the way to one Redis: scripts take it together where many are under way, and nobody where Redis does not answer. It is a redis.Scripter.
type link struct {
	client  redis.UniversalClient
	gates   []breaker
	lanes   []lane
	now     func() int64
	jitter  func() float64
	changed func(change) // told when a breaker opens or closes
}

func newLink(c redis.UniversalClient, now func() int64, changed func(change)) *link {
	l := &link{client: c, now: now, jitter: rand.Float64, changed: changed, gates: make([]breaker, 1), lanes: make([]lane, 1)}
	if _, cluster := c.(*redis.ClusterClient); cluster {
		l.gates, l.lanes = make([]breaker, clusterGates), make([]lane, clusterLanes)
	}
	for i := range l.lanes {
		l.lanes[i].client = c
	}
	return l
}

// gate is the breaker for a key.
func (l *link) gate(key string) *breaker {
	if len(l.gates) == 1 {
		return &l.gates[0]
	}
	return &l.gates[hashSlot(key)*len(l.gates)/hashSlots]
}

func (l *link) lane(key string) *lane {
	if len(l.lanes) == 1 {
		return &l.lanes[0]
	}
	return &l.lanes[hashSlot(key)*len(l.lanes)/hashSlots]
}

// rests tells, without asking, whether a question about the key would be turned away.
func (l *link) rests(key string) bool { return l.gate(key).rests(l.now()) }

// Eval implements redis.Scripter.
func (l *link) Eval(ctx context.Context, source string, keys []string, args ...any) *redis.Cmd {
	return l.run(ctx, "eval", source, keys, args)
}

// EvalSha implements redis.Scripter.
func (l *link) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return l.run(ctx, "evalsha", sha, keys, args)
}

// EvalRO implements redis.Scripter.
func (l *link) EvalRO(ctx context.Context, source string, keys []string, args ...any) *redis.Cmd {
	return l.run(ctx, "eval_ro", source, keys, args)
}

// EvalShaRO implements redis.Scripter.
func (l *link) EvalShaRO(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return l.run(ctx, "evalsha_ro", sha, keys, args)
}

// ScriptExists implements redis.Scripter.
func (l *link) ScriptExists(ctx context.Context, hashes ...string) *redis.BoolSliceCmd {
	return l.client.ScriptExists(ctx, hashes...)
}

// ScriptLoad implements redis.Scripter.
func (l *link) ScriptLoad(ctx context.Context, source string) *redis.StringCmd {
	return l.client.ScriptLoad(ctx, source)
}

// run sends a script. All its keys are of one slot.
func (l *link) run(ctx context.Context, verb, body string, keys []string, args []any) *redis.Cmd {
	list := make([]any, 3, 3+len(keys)+len(args))
	list[0], list[1], list[2] = verb, body, len(keys)
	for _, k := range keys {
		list = append(list, k)
	}
	list = append(list, args...)
	g := l.gate(keys[0])
	began := l.now()
	p := g.allow(began)
	if p == noPass {
		cmd := redis.NewCmd(ctx, list...)
		cmd.SetErr(ErrUnavailable)
		return cmd
	}
	cmd := l.insist(ctx, l.lane(keys[0]), list)
	if c := g.done(p, answered(cmd.Err()), began, l.now(), l.jitter); c != unchanged {
		l.changed(c)
	}
	return cmd
}

// insist asks again, while there is time, where Redis says that it has not run the script and soon will.
func (l *link) insist(ctx context.Context, way *lane, args []any) *redis.Cmd {
	for pause := time.Millisecond; ; pause *= 2 {
		cmd := way.do(ctx, args)
		if err := cmd.Err(); err == nil || !untouched(err) || !sleep(ctx, pause) {
			return cmd
		}
	}
}

// untouched tells of an error that nothing was run and another try is worth while: a replica is about to be the master, or a slot has moved on
// more often than the client follows in one try.
func untouched(err error) bool {
	return redis.IsReadOnlyError(err) || redis.IsMasterDownError(err) || redis.IsClusterDownError(err) || moved(err)
}

// moved tells that another master is to be asked.
func moved(err error) bool {
	_, m := redis.IsMovedError(err)
	_, a := redis.IsAskError(err)
	return m || a
}

// answered tells whether Redis is there. One that does not know a script yet is, and one whose slots are moving.
func answered(err error) bool {
	return err == nil || strings.HasPrefix(err.Error(), "NOSCRIPT") || redis.IsTryAgainError(err) || moved(err)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
