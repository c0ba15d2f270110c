package journal

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Errors.
var (
	ErrCursor = errors.New("it is no place that a page before gave")
	ErrAsked  = errors.New("it can't be asked so")
)

// MostHits of one answer.
const MostHits = 1000

// Hit is an event that was found.
type Hit struct {
	Seq  uint64 // the number of the event in this journal
	At   time.Time
	ID   string
	Line string // the event as JSON, with a line's end
	row  row

	Missed int // of Follow: how many came too fast before it
}

// Get is the value of a field; "" it has none.
func (h *Hit) Get(f Field) string { return h.row.values[f] }

// Rules are the rules that it names.
func (h *Hit) Rules() []string {
	if h.row.values[Rule] == "" {
		return nil
	}
	return strings.Split(h.row.values[Rule], between)
}

// Request is http.request.id.
func (h *Hit) Request() string { return h.row.request }

// Found is a page of events, the newest first: in the order in which they came.
type Found struct {
	Hits    []Hit
	Next    string    // what Find goes on after; "" there are no more
	Through time.Time // where Patience ended: up to then it was looked; zero: all was
	Unread  int       // pieces that can't be read
}

// cursor is how the place behind an event is written.
func cursor(seq uint64) string { return strconv.FormatUint(seq, 36) }

func parseCursor(s string) (uint64, error) {
	if s == "" {
		return 1 << 63, nil
	}
	seq, err := strconv.ParseUint(s, 36, 63)
	if err != nil || len(s) > 13 {
		return 0, ErrCursor
	}
	return seq, nil
}

// pieces are all there is, the newest first.
func (j *Journal) pieces() []piece {
	j.mu.RLock()
	defer j.mu.RUnlock()
	all := make([]piece, 0, len(j.segments)+1)
	if len(j.making.at) > 0 {
		all = append(all, j.making.snapshot())
	}
	for i := len(j.segments) - 1; i >= 0; i-- {
		all = append(all, &stored{segment: j.segments[i], cache: j.cache, keys: j.o.Ring})
	}
	return all
}

// walk is one question's way over the pieces.
type walk struct {
	f       *Filter
	end     time.Time // of patience; zero: never
	unread  int
	through time.Time
	stopped uint64 // the first event of the last piece it came to, where patience ended
	buf     []uint32
}

// each calls visit with each piece and the rows of it for which all but Text holds, until visit wants no more.
func (j *Journal) each(ctx context.Context, f *Filter, before uint64, visit func(p piece, rows []uint32) (more bool, err error)) (*walk, error) {
	if err := f.check(); err != nil {
		return nil, errors.Join(ErrAsked, err)
	}
	select {
	case j.asking <- struct{}{}:
		defer func() { <-j.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w := &walk{f: f, buf: make([]uint32, 0, segmentRows)}
	if f.Patience > 0 && f.Text != "" {
		w.end = time.Now().Add(f.Patience)
	}
	for _, p := range j.pieces() {
		if p.first() >= before {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !w.end.IsZero() && w.stopped > 0 && time.Now().After(w.end) {
			return w, nil
		}
		more, err := w.visit(p, before, visit)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it became too old meanwhile
			return w, nil
		case err != nil && ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil: // fail open: the rest is answered, and says that it is not all
			w.unread++
		}
		if err == nil && !more {
			w.through = time.Time{}
			return w, nil
		}
		oldest, _ := p.span()
		w.stopped, w.through = max(p.first(), 1), time.UnixMicro(oldest).UTC()
	}
	w.through = time.Time{}
	return w, nil
}

func (w *walk) visit(p piece, before uint64, visit func(piece, []uint32) (bool, error)) (bool, error) {
	if s, ok := p.(*stored); ok {
		defer s.close()
	}
	rows, err := w.f.in(p, w.buf)
	if err != nil {
		return true, err
	}
	for len(rows) > 0 && p.first()+uint64(rows[len(rows)-1]) >= before {
		rows = rows[:len(rows)-1]
	}
	if len(rows) == 0 {
		return true, nil
	}
	if w.f.Text != "" {
		g, err := p.grams()
		if err != nil {
			return true, err
		}
		if g != nil && !g.may(w.f.Text) {
			return true, nil
		}
	}
	return visit(p, rows)
}

// lines reads lines of a piece; those of one block one after the other.
type lines struct {
	p     piece
	n     int
	block []byte
	at    []int // where its lines begin, and where the last one ends
}

func (l *lines) get(row uint32) ([]byte, error) {
	n := int(row) / blockLines
	if l.at == nil || l.n != n {
		block, err := l.p.block(n)
		if err != nil {
			return nil, err
		}
		l.n, l.block, l.at = n, block, append(l.at[:0], 0)
		for at := 0; at < len(block); {
			end := bytes.IndexByte(block[at:], '\n')
			if end < 0 {
				return nil, errDamaged
			}
			at += end + 1
			l.at = append(l.at, at)
		}
	}
	i := int(row) % blockLines
	if i+1 >= len(l.at) {
		return nil, errDamaged
	}
	return l.block[l.at[i]:l.at[i+1]], nil
}

// Find gives up to so many events, the newest first, from those that came before the place after; "" is the newest.
func (j *Journal) Find(ctx context.Context, f Filter, after string, limit int) (Found, error) {
	before, err := parseCursor(after)
	if err != nil {
		return Found{}, err
	}
	limit = max(1, min(limit, MostHits))
	var found Found
	var e ecs.Event
	text := []byte(f.Text)
	w, err := j.each(ctx, &f, before, func(p piece, rows []uint32) (bool, error) {
		l := &lines{p: p}
		for i := len(rows) - 1; i >= 0; i-- {
			line, err := l.get(rows[i])
			if err != nil {
				return true, err
			}
			if len(text) > 0 && !bytes.Contains(line, text) {
				continue
			}
			hit, ok := hitOf(&e, p.first()+uint64(rows[i]), line)
			if !ok || !f.holds(&hit.row, line) { // two ids share a mark
				continue
			}
			if len(found.Hits) == limit {
				found.Next = cursor(found.Hits[limit-1].Seq)
				return false, nil
			}
			found.Hits = append(found.Hits, hit)
		}
		return true, nil
	})
	if err != nil {
		return Found{}, err
	}
	found.Unread, found.Through = w.unread, w.through
	if !w.through.IsZero() {
		found.Next = cursor(w.stopped)
	}
	return found, nil
}

func hitOf(e *ecs.Event, seq uint64, line []byte) (Hit, bool) {
	h := Hit{Seq: seq, Line: string(line)}
	if e.Parse(line) != nil || !h.row.read(e) {
		return h, false
	}
	h.At, h.ID = time.UnixMicro(h.row.at).UTC(), h.row.id
	return h, true
}

// Event is the event of that id; false there is none.
func (j *Journal) Event(ctx context.Context, id string) (Hit, bool, error) {
	if id == "" {
		return Hit{}, false, nil
	}
	found, err := j.Find(ctx, Filter{ID: id}, "", 1)
	if err != nil || len(found.Hits) == 0 {
		return Hit{}, false, err
	}
	return found.Hits[0], true, nil
}

// At are the events of these numbers, as far as they are still there.
func (j *Journal) At(ctx context.Context, seqs []uint64) (map[uint64]Hit, error) {
	want := slices.Sorted(slices.Values(seqs))
	all := make(map[uint64]Hit, len(want))
	var e ecs.Event
	for _, p := range j.pieces() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		from, _ := slices.BinarySearch(want, p.first())
		here := want[from:]
		want = want[:from]
		if err := hitsOf(p, here, &e, all); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}

func hitsOf(p piece, seqs []uint64, e *ecs.Event, into map[uint64]Hit) error {
	if s, ok := p.(*stored); ok {
		defer s.close()
	}
	l := &lines{p: p}
	for _, seq := range seqs {
		if seq-p.first() >= uint64(p.rows()) {
			continue
		}
		line, err := l.get(uint32(seq - p.first()))
		if err != nil {
			return err
		}
		if hit, ok := hitOf(e, seq, line); ok {
			into[seq] = hit
		}
	}
	return nil
}
