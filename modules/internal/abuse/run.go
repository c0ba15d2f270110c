package abuse

import (
	"context"
	"crypto/rand"
	"net/netip"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	every     = time.Second
	forgotten = 0.5 // points: what is below is nothing
	banAgain  = 5 * time.Second
	banTime   = 10 * time.Second // for the database to answer
)

// mostWaiting bounds who waits to be told of: while Redis is away nobody takes them out, and clients come and go.
const mostWaiting = 1 << 17

// list is who waits to be told of.
type list struct {
	mu   sync.Mutex
	keys []key
}

// add tells whether there was room.
func (l *list) add(k key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) >= mostWaiting {
		return false
	}
	l.keys = append(l.keys, k)
	return true
}

func (l *list) take(most int) []key {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(most, len(l.keys))
	taken := l.keys[:n:n]
	if l.keys = l.keys[n:]; len(l.keys) == 0 {
		l.keys = nil
	}
	return taken
}

// Start has the table share its scores through the client, nil for none, in the box, forget old ones and ask for bans, until Close. failed is told of
// what could not be shared.
func (t *Table) Start(client redis.UniversalClient, box *store.Box, failed func(error)) {
	if client != nil {
		t.share = &share{client: client, box: box, node: rand.Text(), since: "0"}
		t.shares.Store(true)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ended by Close
	t.cancel = cancel
	t.running.Go(func() { t.tick(ctx, failed) })
	t.running.Go(func() { t.banAll(ctx) })
}

// Close ends what Start began, after a last exchange. The table can still be asked.
func (t *Table) Close() {
	if t == nil || t.cancel == nil {
		return
	}
	t.cancel()
	t.running.Wait()
}

func (t *Table) tick(ctx context.Context, failed func(error)) {
	timer := time.NewTicker(every)
	defer timer.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			if t.share != nil {
				if err := t.exchange(context.WithoutCancel(ctx)); err != nil {
					failed(err)
				}
			}
			return
		case <-timer.C:
			t.sweep(&t.parts[n%shards])
			if t.share == nil {
				continue
			}
			if err := t.exchange(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// sweep forgets scores that are nothing any more, and tells of levels that fell.
func (t *Table) sweep(p *part) {
	r, now := t.rules.Load(), t.micros()
	var fell []Change
	p.mu.Lock()
	for k, e := range p.entries {
		if now < e.until {
			continue
		}
		if c, changed := e.turn([]byte(k), now, r); changed && e.mine {
			fell = append(fell, c)
		}
		if !e.waiting && e.sending == 0 && e.total(now, &r.Config) < forgotten {
			delete(p.entries, k)
		}
	}
	p.held.Store(int64(len(p.entries)))
	p.mu.Unlock()
	if r.Changed == nil {
		return
	}
	for _, c := range fell {
		r.Changed(c)
	}
}

// asks tells whether it is time to ask for the client's ban, and notes that it was. The part is locked.
func (e *entry) asks(b []byte, now int64, r *Rules) bool {
	if e.level != Banned || b[0] != clientKind || r.KeepOut == nil || e.asked > 0 && micros(now-e.asked) < banAgain {
		return false
	}
	e.asked = now
	return true
}

// askBan hands a client over to who bans. Where too many wait, the next thing that it does asks again.
func (t *Table) askBan(k key) {
	p, ok := k.client()
	if !ok {
		return
	}
	select {
	case t.bans <- p:
	default:
	}
}

func (t *Table) banAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-t.bans:
			t.ban(ctx, p)
		}
	}
}

// ban keeps a client out, and brings its score to just below that: when the ban is over, the next fault is one too many.
func (t *Table) ban(ctx context.Context, client netip.Prefix) {
	r := t.rules.Load()
	if r.KeepOut == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, banTime)
	defer cancel()
	d, err := r.KeepOut(ctx, client)
	if err != nil {
		return // the next thing that it does asks again
	}
	var space [32]byte
	b := clientBytes(space[:0], client)
	p := t.part(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[key(b)]
	if e == nil {
		return
	}
	now := t.micros()
	e.touch(now, &r.Config)
	e.until = now + d.Microseconds()
	e.alter(change{true, 1, r.belowBan(e.people)})
	t.wait(b, e)
}

// wait has an entry sent with the next batch. Where too many wait, what it does next tries again. Its part is locked.
func (t *Table) wait(b []byte, e *entry) {
	if !e.waiting && t.shares.Load() {
		e.waiting = t.waiting.add(key(b))
	}
}
