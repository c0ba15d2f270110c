package abuse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	shareTimeout = time.Second
	maxBatch     = 500     // scores sent at once
	maxRead      = 2000    // scores read at once
	maxShared    = 1 << 17 // scores in Redis
	maxPages     = maxShared/maxRead + 1
	kept         = 10 // half-lives: a thousandth is left
	giveUp       = 30 * time.Second
)

var (
	//go:embed share.lua
	shareSource string
	shareScript = redis.NewScript(shareSource)
)

// place is what marks of clients are bound to.
const place = "abuse scores"

// share is a gateway's part of what gateways tell each other. One goroutine uses it.
type share struct {
	client redis.UniversalClient
	box    *store.Box // in which it is told whose scores they are
	node   string     // random
	since  string     // rank that was read last
	number int64      // of the batch
	batch  []item     // sent and not yet acknowledged
	first  int64      // when the batch was sent first
}

// item is what is told of one score.
type item struct {
	who    key
	points float64
	people int
	change change
	solved bool
}

// value is a score as Redis has it.
type value struct {
	who    key
	score  float64
	at     int64 // microseconds of Redis's clock
	people int
	solved int64
}

// exchange sends what was noted and takes over what others did. A batch whose answer did not come is sent again under its number, and so counts once.
func (t *Table) exchange(ctx context.Context) error {
	s := t.share
	if s.batch == nil {
		s.batch = t.collect(maxBatch)
		s.number++
		s.first = t.micros()
	}
	for range maxPages {
		more, err := t.turnOver(ctx)
		if err != nil {
			if len(s.batch) > 0 && micros(t.micros()-s.first) > giveUp {
				// What may be in Redis already is not sent anew, but counts here: twice as much would be worse than the others' not knowing.
				t.keep(s.batch)
				s.batch = nil
			}
			return err
		}
		if !more {
			return nil
		}
	}
	return nil
}

// turnOver is one call. more tells that there is more to read or to send.
func (t *Table) turnOver(ctx context.Context) (more bool, err error) {
	s, r := t.share, t.rules.Load()
	args := []any{
		r.HalfLife.Microseconds(), kept * r.HalfLife.Microseconds(), maxShared, s.since, maxRead, s.node + " " + strconv.FormatInt(s.number, 10),
	}
	for i := range s.batch {
		args = s.batch[i].append(args, s.box)
	}
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	keys := []string{store.Key("abuse", "scores"), store.Key("abuse", "changed"), store.Key("abuse", "batch", s.node)}
	answer, err := shareScript.Run(ctx, s.client, keys, args...).StringSlice()
	if err != nil {
		return false, fmt.Errorf("sharing the scores of misbehaving clients: %w", err)
	}
	if len(answer) < 3 || len(answer)%2 == 0 {
		return false, fmt.Errorf("sharing the scores of misbehaving clients: Redis gave %d values", len(answer))
	}
	now, err := strconv.ParseInt(answer[0], 10, 64)
	if err != nil {
		return false, fmt.Errorf("sharing the scores of misbehaving clients: the time: %w", err)
	}
	acknowledged := make(map[key]bool, len(s.batch))
	for i := range s.batch {
		acknowledged[s.batch[i].who] = true
	}
	for i := 3; i < len(answer); i += 2 {
		who, err := s.box.Unmark(answer[i], place)
		if err != nil {
			continue // of a gateway before boxes, or forged
		}
		v, err := parseValue(who, answer[i+1])
		if err != nil {
			continue // another version's: what it means is not known
		}
		t.take(v, now, acknowledged[v.who], r)
		delete(acknowledged, v.who)
	}
	s.since = answer[1]
	s.batch = t.collect(maxBatch)
	if len(s.batch) > 0 {
		s.number++
		s.first = t.micros()
		return true, nil
	}
	s.batch = nil
	return answer[2] == "1", nil
}

func (i *item) append(args []any, box *store.Box) []any {
	factor, most, solved := "", "", ""
	if i.change.is {
		factor, most = number(i.change.factor), number(i.change.cap)
	}
	if i.solved {
		solved = "1"
	}
	return append(args, box.Mark(string(i.who), place), number(i.points), i.people, factor, most, solved)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

var errValue = errors.New("not a score")

func parseValue(who, text string) (v value, err error) {
	parts := strings.Split(text, " ")
	if len(parts) != 4 || len(who) < 2 || len(who) > longestID+32 || who[0] != clientKind && who[0] != userKind {
		return v, errValue
	}
	v.who = key(who)
	if _, ok := v.who.client(); who[0] == clientKind && !ok {
		return v, errValue
	}
	var errs [4]error
	var people int64
	v.score, errs[0] = strconv.ParseFloat(parts[0], 64)
	v.at, errs[1] = strconv.ParseInt(parts[1], 10, 64)
	people, errs[2] = strconv.ParseInt(parts[2], 10, 8)
	v.solved, errs[3] = strconv.ParseInt(parts[3], 10, 64)
	v.people = int(min(people, mostPeople))
	if err := errors.Join(errs[:]...); err != nil || !(v.score >= 0 && v.score <= 1e12) || v.people < 0 {
		return v, errValue
	}
	return v, nil
}

// collect takes what waits to be sent.
func (t *Table) collect(most int) (batch []item) {
	now, r := t.micros(), t.rules.Load()
	for _, k := range t.waiting.take(most) {
		p := t.part([]byte(k))
		p.mu.Lock()
		if e := p.entries[k]; e != nil {
			e.touch(now, &r.Config)
			batch = append(batch, item{k, e.own, e.people, e.change, e.tellSolved})
			e.sending, e.own = e.sending+e.own, 0
			e.change, e.tellSolved, e.waiting = change{}, false, false
		}
		p.mu.Unlock()
	}
	return batch
}

// keep has what was to be sent count here alone.
func (t *Table) keep(batch []item) {
	for i := range batch {
		p := t.part([]byte(batch[i].who))
		p.mu.Lock()
		if e := p.entries[batch[i].who]; e != nil {
			e.shared, e.sending = e.shared+e.sending, 0
		}
		p.mu.Unlock()
	}
}

// take takes a score over from Redis, whose clock says now. mine: what was sent from here is in it.
func (t *Table) take(v value, redisNow int64, mine bool, r *Rules) {
	b := []byte(v.who)
	age := max(redisNow-v.at, 0)
	now := t.micros()
	shared := v.score * r.decay(micros(age))
	p := t.part(b)
	p.mu.Lock()
	e := p.entries[v.who]
	if e == nil {
		if shared < forgotten {
			p.mu.Unlock()
			return
		}
		e = p.add(v.who, now, t.max, &r.Config)
	}
	e.touch(now, &r.Config)
	e.shared = e.change.apply(shared)
	e.people = max(e.people, v.people)
	if v.solved > 0 {
		e.solved = max(e.solved, now-max(redisNow-v.solved, 0))
	}
	if mine {
		e.sending = 0
	}
	c, changed := e.turn(b, now, r)
	e.mine = e.mine || mine && changed
	tell := changed && e.mine
	ask := mine && e.asks(b, now, r)
	p.mu.Unlock()
	if tell && r.Changed != nil {
		r.Changed(c)
	}
	if ask {
		t.askBan(v.who)
	}
}
