// Package gate bounds what is at work at one time, by weight: inspections by the time they take, bodies by their memory.
package gate

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Why there was no room in time.
var (
	ErrBusy   = errors.New("what is in flight takes the whole capacity")
	ErrClient = errors.New("what the client has in flight takes its whole share")
)

// Gate lets in as much as its capacity. Who finds no room waits, in order: first for the client's share, where only the
// client's own requests wait, then for the capacity. A client's share is half of it, and nothing weighs more than that.
type Gate struct {
	all      *semaphore.Weighted
	capacity int64
	share    int64

	mu      sync.Mutex
	clients map[string]*share // those with a request at the gate
}

type share struct {
	room  *semaphore.Weighted
	users int // under Gate.mu
}

// New makes a gate.
func New(capacity int64) *Gate {
	return &Gate{all: semaphore.NewWeighted(capacity), capacity: capacity, share: max(capacity/2, 1), clients: map[string]*share{}}
}

// Seat is room that is held.
type Seat struct {
	g      *Gate
	s      *share
	client string
	weight int64
}

// Enter takes room. It waits until patience is over (ErrClient, ErrBusy) or ctx has ended (its error). Each success needs one Leave.
func (g *Gate) Enter(ctx context.Context, client string, weight int64, patience time.Duration) (Seat, error) {
	t := Seat{g: g, client: client, weight: min(weight, g.share)}
	until := time.Now().Add(patience)
	t.s = g.join(client)
	if err := acquire(ctx, t.s.room, t.weight, until, ErrClient); err != nil {
		g.part(client, t.s)
		return Seat{}, err
	}
	if err := acquire(ctx, g.all, t.weight, until, ErrBusy); err != nil {
		t.s.room.Release(t.weight)
		g.part(client, t.s)
		return Seat{}, err
	}
	return t, nil
}

// Leave gives the room back.
func (t Seat) Leave() {
	t.g.all.Release(t.weight)
	t.s.room.Release(t.weight)
	t.g.part(t.client, t.s)
}

// Weight is what is held: what was asked for, at most a client's share.
func (t Seat) Weight() int64 { return t.weight }

// Idle tells whether nothing is held and no client is remembered.
func (g *Gate) Idle() bool {
	if !g.all.TryAcquire(g.capacity) {
		return false
	}
	g.all.Release(g.capacity)
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.clients) == 0
}

func acquire(ctx context.Context, room *semaphore.Weighted, weight int64, until time.Time, full error) error {
	if room.TryAcquire(weight) { // the usual case, without a timer
		return nil
	}
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if room.Acquire(waiting, weight) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return full
}

func (g *Gate) join(client string) *share {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.clients[client]
	if s == nil {
		s = &share{room: semaphore.NewWeighted(g.share)}
		g.clients[client] = s
	}
	s.users++
	return s
}

func (g *Gate) part(client string, s *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(g.clients, client)
	}
}
