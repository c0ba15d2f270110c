package limit

import (
	"container/heap"
	"slices"
	"sync"
	"time"
)

// Top knows who had the most of something, of any number of subjects, in the space of a fixed number: the space-saving algorithm (Metwally,
// Agrawal and El Abbadi, ICDT 2005). Whoever had more than the total divided by that number is there; a count may be too high by what
// Spread says. All counts halve from time to time, so that it tells of today.
type Top struct {
	mu     sync.Mutex
	size   int
	half   time.Duration
	halved time.Time
	at     map[ranked]*topItem
	least  topHeap
}

type ranked struct {
	zone    string
	subject Subject
}

// Ranked is one subject of a Top.
type Ranked struct {
	Zone   string
	Words  []string // who it is, as New's caller told
	Count  int64
	Spread int64 // by which Count may be too high
}

type topItem struct {
	key    ranked
	words  []string
	count  int64
	spread int64
	index  int
}

// NewTop makes one for so many subjects, whose counts halve after so long.
func NewTop(size int, half time.Duration) *Top {
	return &Top{size: size, half: half, at: map[ranked]*topItem{}}
}

// Add counts. who names the subject, and is asked only where it was not known.
func (t *Top) Add(zone *Zone, s Subject, n int64, now time.Time, who func() []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.age(now)
	k := ranked{zone.Name, s}
	item := t.at[k]
	switch {
	case item != nil:
	case len(t.least) < t.size:
		item = &topItem{key: k, words: who()}
		t.at[k] = item
		heap.Push(&t.least, item)
	default: // takes the place of the least, and its count, which it may have had
		item = t.least[0]
		delete(t.at, item.key)
		item.key, item.words, item.spread = k, who(), item.count
		t.at[k] = item
	}
	item.count += n
	heap.Fix(&t.least, item.index)
}

// age halves the counts as often as it is time for.
func (t *Top) age(now time.Time) {
	if t.halved.IsZero() {
		t.halved = now
	}
	times := min(now.Sub(t.halved)/t.half, 62)
	if times < 1 {
		return
	}
	t.halved = now
	for _, item := range t.least { // their order stays
		item.count >>= times
		item.spread >>= times
	}
}

// List gives the n with the most, of a zone or of all ("").
func (t *Top) List(zone string, n int, now time.Time) []Ranked {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.age(now)
	var out []Ranked
	for _, item := range t.least {
		if item.count > 0 && (zone == "" || zone == item.key.zone) {
			out = append(out, Ranked{item.key.zone, item.words, item.count, item.spread})
		}
	}
	slices.SortFunc(out, func(a, b Ranked) int {
		if a.Count != b.Count {
			return int(min(max(b.Count-a.Count, -1), 1))
		}
		return slices.Compare(append([]string{a.Zone}, a.Words...), append([]string{b.Zone}, b.Words...))
	})
	return out[:min(n, len(out))]
}

// topHeap has the item of the least count on top.
type topHeap []*topItem

func (h topHeap) Len() int           { return len(h) }
func (h topHeap) Less(i, j int) bool { return h[i].count < h[j].count }
func (h topHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *topHeap) Push(x any) {
	x.(*topItem).index = len(*h)
	*h = append(*h, x.(*topItem))
}

// Pop implements heap.Interface.
func (h *topHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
