package ban

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// What a Query sorts by.
const (
	ByCreated = "created"
	ByExpires = "expires" // what never ends is last
	ByTimes   = "times"
	ByPrefix  = "prefix"
)

// Query is what of the bans is looked for.
type Query struct {
	Source string       // "" all; "import:" whatever was imported
	Near   netip.Prefix // only those that hold it, or lie in it; zero: all
	Text   string       // a part of the reason, whatever its case
	Sort   string       // default ByCreated
	Desc   bool
	After  string // Page.Next
	Limit  int    // 1 to MaxPage
}

// Page is a part of what is found.
type Page struct {
	Bans  []Ban
	Next  string // "": it is the last
	Total int
}

// Find looks through the bans that this gateway holds in memory: those that it turns clients away by. It looks at each, whatever is asked for.
// Errors: ErrMalformed.
func (l *List) Find(q Query) (p Page, err error) {
	order, err := orderOf(q)
	if err != nil || l == nil {
		return p, err
	}
	limit := min(max(q.Limit, 1), MaxPage)
	now, text := l.book.now().UnixMicro(), strings.ToLower(q.Text)
	kept := &best{order: order, most: limit + 1}
	for prefix, e := range l.near(q.Near) {
		if !e.in(now) || !q.from(e.source.Value()) || text != "" && !strings.Contains(strings.ToLower(e.reason.Value()), text) {
			continue
		}
		p.Total++
		c := candidate{order.key(&e), prefix, e}
		if order.from != nil && order.compare(&c, order.from) <= 0 {
			continue
		}
		kept.offer(c)
	}
	found := kept.sorted()
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		p.Next = fmt.Sprintf("%d %s", last.key, last.prefix)
	}
	for _, c := range found {
		p.Bans = append(p.Bans, c.e.ban(c.prefix))
	}
	return p, nil
}

// Get reads one ban in force from the database. Errors: ErrNone.
func (l *List) Get(ctx context.Context, prefix netip.Prefix) (Ban, error) {
	p, e, ok, err := row(l.book.db.QueryRow(ctx, selectBans+` WHERE b.prefix = ?`, prefix.String()))
	if err == nil && (!ok || !e.in(l.book.now().UnixMicro())) {
		err = fmt.Errorf("%s: %w", prefix, ErrNone)
	}
	if err != nil {
		return Ban{}, err
	}
	return e.ban(p), nil
}

// Sources counts the bans in force by where they come from.
func (l *List) Sources() map[string]int {
	counts := map[string]int{}
	if l == nil {
		return counts
	}
	now := l.book.now().UnixMicro()
	for _, e := range l.book.trie.Load().All() {
		if e.in(now) {
			counts[e.source.Value()]++
		}
	}
	return counts
}

func (q *Query) from(source string) bool {
	return q.Source == "" || source == q.Source || q.Source == Imported && strings.HasPrefix(source, Imported)
}

// near are the bans that hold the prefix or lie in it.
func (l *List) near(p netip.Prefix) func(yield func(netip.Prefix, entry) bool) {
	t := l.book.trie.Load()
	if !p.IsValid() {
		return t.All()
	}
	return func(yield func(netip.Prefix, entry) bool) {
		for at, e := range t.Supernets(p) {
			if at != p && !yield(at, e) {
				return
			}
		}
		t.Subnets(p)(yield)
	}
}

// order is how found bans follow each other.
type order struct {
	sort string
	desc bool
	from *candidate // nil: from the beginning
}

type candidate struct {
	key    int64
	prefix netip.Prefix
	e      entry
}

func orderOf(q Query) (*order, error) {
	o := &order{sort: cmp.Or(q.Sort, ByCreated), desc: q.Desc}
	if !slices.Contains([]string{ByCreated, ByExpires, ByTimes, ByPrefix}, o.sort) {
		return nil, fmt.Errorf("%w: bans can't be sorted so", ErrMalformed)
	}
	if q.After == "" {
		return o, nil
	}
	key, prefix, _ := strings.Cut(q.After, " ")
	n, err := strconv.ParseInt(key, 10, 64)
	p, err2 := netip.ParsePrefix(prefix)
	if err != nil || err2 != nil {
		return nil, fmt.Errorf("%w: after is what a page before said", ErrMalformed)
	}
	o.from = &candidate{key: n, prefix: p}
	return o, nil
}

// key is what a ban is sorted by, but for its prefix.
func (o *order) key(e *entry) int64 {
	switch o.sort {
	case ByCreated:
		return e.created
	case ByTimes:
		return int64(e.times)
	case ByExpires:
		if e.expires == 0 {
			return 1<<63 - 1
		}
		return e.expires
	}
	return 0
}

func (o *order) compare(a, b *candidate) int {
	if o.desc {
		a, b = b, a
	}
	return cmp.Or(cmp.Compare(a.key, b.key), a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
}

// best keeps the first few of many: it gathers some more, and then lets go of the last of them.
type best struct {
	order *order
	most  int
	all   []candidate
	full  bool // the last of all is the worst there may be
}

func (b *best) offer(c candidate) {
	if b.full && b.order.compare(&c, &b.all[b.most-1]) >= 0 {
		return
	}
	if b.all = append(b.all, c); len(b.all) >= 8*b.most {
		b.sorted()
	}
}

func (b *best) sorted() []candidate {
	slices.SortFunc(b.all, func(x, y candidate) int { return b.order.compare(&x, &y) })
	if len(b.all) >= b.most {
		b.all, b.full = b.all[:b.most], true
	}
	return b.all
}
