package limit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxFlights = 2    // conversations with Redis at once; what comes meanwhile goes together in the next
	maxBatch   = 256  // calls in one of them
	maxQueue   = 4096 // calls that may wait
)

var errBusy = errors.New("too many calls wait for Redis")

// lane carries commands to Redis. While few are under way a command goes at once and by itself; those that come when there are
// several wait for one to be back, and go together: one write and one read for all. It waits for nothing else, so an idle Redis is asked
// without delay.
type lane struct {
	client redis.UniversalClient

	mu     sync.Mutex
	flying int
	queue  []*call
}

// call is a command that waits for others to come back.
type call struct {
	cmd      script
	deadline time.Time
	left     bool // nobody waits for it any more
	done     chan struct{}
}

// script is a command that is not sent again when its answer fails to come: it would be charged twice.
type script struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (script) NoRetry() bool { return true }

// do sends one command, and gives it back with its answer.
func (l *lane) do(ctx context.Context, args []any) *redis.Cmd {
	cmd := script{redis.NewCmd(ctx, args...)}
	l.mu.Lock()
	if l.flying < maxFlights {
		l.flying++
		l.mu.Unlock()
		_ = l.client.Process(ctx, cmd) // the command holds its error
		l.land()
		return cmd.Cmd
	}
	if len(l.queue) >= maxQueue {
		l.mu.Unlock()
		cmd.SetErr(errBusy)
		return cmd.Cmd
	}
	c := &call{cmd: cmd, done: make(chan struct{})}
	c.deadline, _ = ctx.Deadline()
	l.queue = append(l.queue, c)
	l.mu.Unlock()
	select {
	case <-c.done:
		return cmd.Cmd
	case <-ctx.Done():
		l.mu.Lock()
		c.left = true
		l.mu.Unlock()
		late := redis.NewCmd(ctx, args...) // the other one may be written to
		late.SetErr(ctx.Err())
		return late
	}
}

// land ends one's own flight, or lends it to those who wait. The goroutine ends with the last of them, each after its deadline at the latest.
func (l *lane) land() {
	l.mu.Lock()
	waiting := len(l.queue) > 0
	if !waiting {
		l.flying--
	}
	l.mu.Unlock()
	if waiting {
		go func() {
			for batch := l.next(); len(batch) > 0; batch = l.next() {
				l.fly(batch)
			}
		}()
	}
}

// next takes those who wait, but for who has left. Where there is none the flight ends.
func (l *lane) next() []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var batch []*call
	n := 0
	for n < len(l.queue) && len(batch) < maxBatch {
		if !l.queue[n].left {
			batch = append(batch, l.queue[n])
		}
		n++
	}
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil
	}
	if len(batch) == 0 {
		l.flying--
	}
	return batch
}

// fly asks for the whole batch, until the last deadline in it.
func (l *lane) fly(batch []*call) {
	until := batch[0].deadline
	for _, c := range batch[1:] {
		if c.deadline.After(until) {
			until = c.deadline
		}
	}
	// The calls end when their own contexts do; the conversation is everybody's.
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	pipe := l.client.Pipeline()
	for _, c := range batch {
		_ = pipe.Process(ctx, c.cmd) // only queued
	}
	_, _ = pipe.Exec(ctx) // each command holds its own error
	for _, c := range batch {
		close(c.done)
	}
}
