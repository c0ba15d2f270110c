package abuse

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	shards     = 64
	maxEntries = 1 << 17 // about 30 MiB
	// What a signed-in person does counts this part for the address, since others may share it.
	personShare = 0.25
)

// Rules are what a configuration says.
type Rules struct {
	Config
	// Exempt tells who has no score: the operator's own addresses. Loopback never has one. nil: nobody else.
	Exempt func(netip.Addr) bool
	// KeepOut bans a client and tells for how long; 0: somebody else does. It may wait. nil: nobody is banned.
	KeepOut func(ctx context.Context, client netip.Prefix) (time.Duration, error)
	// Changed is told of each change of a level that what was noted here brought about. It must not wait, nor ask the Table. nil: nobody is.
	Changed func(Change)
}

// Change is a level that is another one now.
type Change struct {
	Client netip.Prefix // zero where it is a person's
	User   string       // an account's id, "" where it is a client's
	From   Level
	To     Level
	Score  float64 // divided by who shares the address
	People int     // who share it, signed in and in good standing
}

// Table is the scores that a gateway goes by. A nil Table knows nothing.
type Table struct {
	now   func() time.Time
	start time.Time
	seed  maphash.Seed
	max   int // entries for each shard
	parts [shards]part
	crowd *crowd
	rules atomic.Pointer[Rules]
	mu    sync.Mutex
	in    []*Rules // those in use, the last of them in force

	counted [signals]atomic.Uint64

	waiting list
	bans    chan netip.Prefix
	shares  atomic.Bool
	share   *share // nil: with nobody
	cancel  context.CancelFunc
	running sync.WaitGroup
}

type part struct {
	mu      sync.RWMutex
	entries map[key]*entry
	held    atomic.Int64 // entries, to be asked without the lock
	_       [24]byte
}

// New makes a table that goes by the rules until others are used.
func New(r Rules, now func() time.Time) *Table {
	// The clock starts early, so that 0 is long ago.
	t := &Table{now: now, start: now().Add(-time.Hour), seed: maphash.MakeSeed(), max: maxEntries / shards, crowd: newCrowd(now), bans: make(chan netip.Prefix, 1024)}
	for i := range t.parts {
		t.parts[i].entries = map[key]*entry{}
	}
	t.rules.Store(&r)
	return t
}

// Use puts rules in force until stop, when those are again that were before: a configuration whose start fails leaves nothing behind.
func (t *Table) Use(r Rules) (stop func()) {
	if t == nil {
		return func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := &r
	t.in = append(t.in, mine)
	t.rules.Store(mine)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, r := range t.in {
			if r == mine {
				t.in = append(t.in[:i], t.in[i+1:]...)
				break
			}
		}
		if len(t.in) > 0 { // else the last ones stay: they are better than none
			t.rules.Store(t.in[len(t.in)-1])
		}
	}
}

func (t *Table) micros() int64 { return t.now().Sub(t.start).Microseconds() }

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// exempt tells who has no score.
func (r *Rules) exempt(a netip.Addr) bool {
	return !a.IsValid() || a.Unmap().IsLoopback() || r.Exempt != nil && r.Exempt(a)
}

// part is where a key's entry is. Its bytes are b.
func (t *Table) part(b []byte) *part { return &t.parts[maphash.Bytes(t.seed, b)%shards] }

// Note counts what a client did. It never waits.
func (t *Table) Note(client netip.Addr, s Signal) { t.NoteUser(client, "", s) }

// NoteUser counts what a client did that somebody is signed in with: for the person, and a part of it for the address.
func (t *Table) NoteUser(a netip.Addr, user string, s Signal) {
	if t == nil || s >= signals {
		return
	}
	r := t.rules.Load()
	points := r.Points[s]
	if points == 0 || r.exempt(a) {
		return
	}
	var space [96]byte
	if user != "" {
		t.add(userBytes(space[:0], user), s, points, 0, false, r)
		points *= personShare
	}
	if p, ok := client(a); ok {
		b := clientBytes(space[:0], p)
		t.add(b, s, points, t.crowd.people(p), false, r)
	}
}

// NoteClient counts what a client did, and the person that is signed in with it, "" for nobody. What another site's page had a browser send is not the
// person's doing, and leads to a challenge at the most: else whoever lures people to a page could have them banned. A program that pretends to be led so
// has puzzles to solve, and its limits are as tight.
func (t *Table) NoteClient(c reqctx.Client, user string, s Signal) {
	if !c.Led {
		t.NoteUser(c.IP, user, s)
		return
	}
	if t == nil || s >= signals {
		return
	}
	r := t.rules.Load()
	if p, ok := client(c.IP); ok && r.Points[s] > 0 && !r.exempt(c.IP) {
		var space [32]byte
		t.add(clientBytes(space[:0], p), s, r.Points[s], t.crowd.people(p), true, r)
	}
}

func (t *Table) add(b []byte, s Signal, points float64, people int, led bool, r *Rules) {
	now := t.micros()
	p := t.part(b)
	p.mu.Lock()
	e := p.entries[key(b)]
	if e == nil {
		e = p.add(key(b), now, t.max, &r.Config)
	}
	if !e.counts(s, now) {
		p.mu.Unlock()
		return
	}
	if b[0] == clientKind {
		t.counted[s].Add(1)
	}
	e.touch(now, &r.Config)
	e.people = max(e.people, people)
	if led {
		e.led = min(e.led+points, r.belowBan(e.people))
	} else {
		e.own += points
		t.wait(b, e)
	}
	c, changed := e.turn(b, now, r)
	e.mine = e.mine || changed
	ask := e.asks(b, now, r)
	p.mu.Unlock()
	if changed && r.Changed != nil {
		r.Changed(c)
	}
	if ask {
		t.askBan(key(b))
	}
}

// add makes an entry. The part is locked.
func (p *part) add(k key, now int64, most int, c *Config) *entry {
	p.room(most, now, c)
	e := &entry{at: now}
	p.entries[k] = e
	p.held.Store(int64(len(p.entries)))
	return e
}

// turn works out the level anew, and tells whether it is another one.
func (e *entry) turn(b []byte, now int64, r *Rules) (Change, bool) {
	was := e.level
	score := e.perHead(now, &r.Config)
	if e.level = r.of(b[0], score, was); e.level == was {
		return Change{}, false
	}
	k := key(b)
	c := Change{User: k.user(), From: was, To: e.level, Score: score, People: e.people}
	c.Client, _ = k.client()
	return c, true
}

// of is the level of a score. A person has accounts to lose, not addresses: the response to that is not a ban.
func (r *Rules) of(kind byte, score float64, was Level) Level {
	l := r.level(score, was)
	if kind == userKind {
		l = min(l, Challenged)
	}
	return l
}

// room makes room for one more entry: of some, which are the first of a map's random order, the lowest score goes. Whoever would crowd
// out a score must have many addresses that misbehave more.
func (p *part) room(max int, now int64, c *Config) {
	if len(p.entries) < max {
		return
	}
	var least key
	lowest, looked := 0.0, 0
	for k, e := range p.entries {
		if s := e.total(now, c); looked == 0 || s < lowest {
			least, lowest = k, s
		}
		if looked++; looked == 16 {
			break
		}
	}
	delete(p.entries, least)
}

// Level is where a client stands. It is asked on each request.
func (t *Table) Level(client netip.Addr) Level { return t.LevelOf(client, "") }

// LevelOf is where a client stands, or the person that is signed in with it, whichever is higher.
func (t *Table) LevelOf(a netip.Addr, user string) Level {
	if t == nil {
		return None
	}
	r := t.rules.Load()
	var space [96]byte
	l := None
	if p, ok := client(a); ok {
		l = t.level(clientBytes(space[:0], p), r)
	}
	if user != "" {
		l = max(l, t.level(userBytes(space[:0], user), r))
	}
	if l > None && r.exempt(a) { // it may be so since the last load only
		return None
	}
	return l
}

func (t *Table) level(b []byte, r *Rules) Level {
	p := t.part(b)
	if p.held.Load() == 0 {
		return None
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.entries[key(b)]
	if e == nil {
		return None
	}
	return r.of(b[0], e.perHead(t.micros(), &r.Config), e.level)
}

// Score is a client's, divided by who shares the address: what a puzzle's difficulty goes by.
func (t *Table) Score(a netip.Addr) float64 {
	p, ok := client(a)
	if t == nil || !ok {
		return 0
	}
	r := t.rules.Load()
	var space [96]byte
	b := clientBytes(space[:0], p)
	part := t.part(b)
	part.mu.RLock()
	defer part.mu.RUnlock()
	if e := part.entries[key(b)]; e != nil {
		return e.perHead(t.micros(), &r.Config)
	}
	return 0
}

// Solved halves the score of a client that solved a puzzle, to below what is challenged. Once in a half-life: who solves puzzles to go on as before
// gets there all the same.
func (t *Table) Solved(a netip.Addr) {
	p, ok := client(a)
	if t == nil || !ok {
		return
	}
	r := t.rules.Load()
	var space [96]byte
	b := clientBytes(space[:0], p)
	part := t.part(b)
	now := t.micros()
	part.mu.Lock()
	e := part.entries[key(b)]
	if e == nil || e.solved > 0 && micros(now-e.solved) < r.HalfLife {
		part.mu.Unlock()
		return
	}
	e.touch(now, &r.Config)
	e.solved = now
	below := e.total(now, &r.Config)
	if r.Challenge > 0 {
		below = r.Challenge * staying * float64(1+e.people) * 0.99
	}
	e.alter(change{true, 0.5, below})
	e.tellSolved = true
	t.wait(b, e)
	c, changed := e.turn(b, now, r)
	part.mu.Unlock()
	if changed && r.Changed != nil {
		r.Changed(c)
	}
}

// Seen notes that somebody is signed in at an address, unless the person's own level says that this speaks for nobody.
func (t *Table) Seen(a netip.Addr, user string) {
	p, ok := client(a)
	if t == nil || user == "" || !ok {
		return
	}
	if n, more := t.crowd.seen(p, user); more {
		t.join(p, user, n)
	}
}

// join brings a grown crowd to the address's score, if it has one.
func (t *Table) join(p netip.Prefix, user string, people int) {
	var space [96]byte
	r := t.rules.Load()
	if t.level(userBytes(space[:0], user), r) > None {
		t.crowd.leave(p, user)
		return
	}
	b := clientBytes(space[:0], p)
	part := t.part(b)
	if part.held.Load() == 0 {
		return
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	if e := part.entries[key(b)]; e != nil {
		e.people = max(e.people, people)
	}
}
