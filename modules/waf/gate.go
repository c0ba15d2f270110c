package waf

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	weightPerCore = 64
	weightBytes   = 4 << 10 // of text weigh 1: the rules take about 20 ms of a core for them
)

var (
	errBusy   = errors.New("the inspections in flight take the whole capacity")
	errClient = errors.New("the client's inspections in flight take its whole share")
)

// gate bounds the inspections at work by weight. Who finds no room waits, in order: first for the client's share, where only the
// client's own requests wait, then for the capacity. A client's share is half of it, and no request weighs more than that.
type gate struct {
	all   *semaphore.Weighted
	share int64

	mu      sync.Mutex
	clients map[string]*share // those with a request at the gate
}

type share struct {
	room  *semaphore.Weighted
	users int // under gate.mu
}

// theGate is the process's: rules share its cores, whatever set or configuration they belong to, so a reload changes nothing here.
var theGate = sync.OnceValue(func() *gate { return newGate(weightPerCore * int64(runtime.GOMAXPROCS(0))) })

func newGate(capacity int64) *gate {
	return &gate{all: semaphore.NewWeighted(capacity), share: max(capacity/2, 1), clients: map[string]*share{}}
}

// seat is room held for one inspection.
type seat struct {
	g      *gate
	s      *share
	client string
	weight int64
}

// enter takes room for an inspection of so many bytes. It waits until patience is over (errClient, errBusy) or ctx has
// ended (its error). Each success needs one leave.
func (g *gate) enter(ctx context.Context, client string, bytes int64, patience time.Duration) (seat, error) {
	t := seat{g: g, client: client, weight: min(1+bytes/weightBytes, g.share)}
	until := time.Now().Add(patience)
	t.s = g.join(client)
	if err := acquire(ctx, t.s.room, t.weight, until, errClient); err != nil {
		g.part(client, t.s)
		return seat{}, err
	}
	if err := acquire(ctx, g.all, t.weight, until, errBusy); err != nil {
		t.s.room.Release(t.weight)
		g.part(client, t.s)
		return seat{}, err
	}
	return t, nil
}

func (t seat) leave() {
	t.g.all.Release(t.weight)
	t.s.room.Release(t.weight)
	t.g.part(t.client, t.s)
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

func (g *gate) join(client string) *share {
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

func (g *gate) part(client string, s *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(g.clients, client)
	}
}

// clientKey is who is calling: what gw_client found out, else the peer.
func clientKey(r *http.Request, rc *reqctx.Request) string {
	if rc.Client.IP.IsValid() {
		return rc.Client.Key()
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr // a unix socket's
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return reqctx.Client{IP: ip.Unmap().WithZone("")}.Key()
	}
	return host
}
