package fleet

import (
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const (
	group    = "windows" // of the streams' readers
	maxSeen  = 16 << 10  // hits of a partition that are told apart from their repetitions
	maxNodes = 1024      // whose batches are told apart
	ahead    = time.Second
)

// partition is one that this gateway owns.
type partition struct {
	index   int
	until   time.Time // when the lease ends that this gateway counts with
	windows *correlate.Windows
	ready   bool            // what the stream still has of before is counted
	claimed map[string]bool // entries that somebody read and did not acknowledge
	cursor  string          // up to which the past is read
	last    string          // where the past ends
	silent  bool            // what is counted now was told before
	found   []*finding.Finding
	commit  *commit
	numbers map[string]int64 // of the batches that each gateway sent last
	seen    map[uint64]struct{}
	order   []uint64 // of seen, a ring
	next    int
	seed    maphash.Seed
	read    string    // the last entry that was read
	upTo    string    // the last entry that is counted and settled
	saved   time.Time // when what is counted was saved last
	since   int       // entries since
}

// commit is what is to be acknowledged, and told when it is.
type commit struct {
	ids   []string
	found []*finding.Finding
}

func (f *Fleet) newPartition(index int, until time.Time) *partition {
	p := &partition{index: index, until: until, numbers: map[string]int64{}, seen: map[uint64]struct{}{}, seed: maphash.MakeSeed(), saved: time.Now()}
	p.windows = f.windowsOf(p)
	return p
}

// windowsOf makes windows in which nothing of the partition is counted yet.
func (f *Fleet) windowsOf(p *partition) *correlate.Windows {
	o := f.o.Windows
	o.Saved = true
	o.Route = func(h *correlate.Hit) bool { return f.pass(p, h) }
	w := correlate.New(f.swapped, o)
	f.limited.on(w)
	return w
}

// pass takes hits of correlations that are part of others, which may be counted in another partition.
func (f *Fleet) pass(p *partition, h *correlate.Hit) bool {
	q := partitionOf(h.Key)
	switch {
	case q == p.index:
		return false
	case p.silent: // it went there before
	case !f.queue.put(q, hitLine(h)):
		f.counts.lost.Add(1)
	}
	return true
}

// take counts an entry of the stream.
func (f *Fleet) take(p *partition, entry redis.XMessage, silent bool) {
	p.silent = silent
	node, _ := entry.Values["node"].(string)
	text, _ := entry.Values["number"].(string)
	lines, _ := entry.Values["lines"].(string)
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return // not of a gateway of this version
	}
	plain, err := f.o.Box.Open([]byte(lines), f.place(p.index, node, number))
	if err != nil {
		return // forged, or moved there from elsewhere
	}
	if !p.follows(node, number, f) {
		return
	}
	at := entryTime(entry.ID)
	for raw := range strings.SplitSeq(string(plain), "\n") {
		l, err := parseLine([]byte(raw))
		switch {
		case err != nil: // another version's: what it means is not known
		case l.event == nil:
			p.windows.Suppress(l.digest, l.subjects, l.at)
		case !p.first(&l):
			f.counts.repeated.Add(1)
		default:
			clamp(l.event, at)
			p.windows.Apply(l.digest, l.part, l.event, p.note)
			if !silent {
				f.counts.counted.Add(1)
			}
		}
	}
}

// note keeps what is found, until it may be told.
func (p *partition) note(found *finding.Finding) {
	if !p.silent {
		p.found = append(p.found, found)
	}
}

// follows tells whether a gateway's batch is new: it may have been sent twice, when the first answer was lost.
func (p *partition) follows(node string, number int64, f *Fleet) bool {
	last, known := p.numbers[node]
	if known && number <= last {
		f.counts.repeated.Add(1)
		return false
	}
	if known && number > last+1 && !p.silent {
		f.counts.gaps.Add(number - last - 1)
	}
	if !known && len(p.numbers) >= maxNodes {
		clear(p.numbers)
	}
	p.numbers[node] = number
	return true
}

// first tells whether the hit is here for the first time, by its event.
func (p *partition) first(l *line) bool {
	id := l.event.ID()
	if id == "" {
		return true
	}
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.Write(l.digest[:]) // a Hash takes everything
	_ = h.WriteByte(byte(l.part))
	_, _ = h.WriteString(id)
	k := h.Sum64()
	if _, ok := p.seen[k]; ok {
		return false
	}
	p.seen[k] = struct{}{}
	if len(p.order) < maxSeen {
		p.order = append(p.order, k)
		return true
	}
	delete(p.seen, p.order[p.next])
	p.order[p.next] = k
	p.next = (p.next + 1) % maxSeen
	return true
}

// entryTime is when Redis got an entry.
func entryTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Now()
	}
	return time.UnixMilli(n)
}

// clamp has no event be later than it came: a gateway whose clock is fast would end the others' windows.
func clamp(e *ecs.Event, came time.Time) {
	if e.Time().After(came.Add(ahead)) {
		e.Set("@timestamp", came.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	}
}
