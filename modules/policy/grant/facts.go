package grant

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unique"
)

// facts are what is known of one object, of one that is too large to be known whole what concerns one subject, or a list of objects. They
// never change once in the cache. A million relations are to fit into memory, so they are kept close: the subjects as one text, and of
// the sets of relations, which are few, each once.
type facts struct {
	names    string     // of the subjects, sorted, one after the other
	ends     []uint32   // where each of them ends in names
	sets     []uint16   // which of distinct each has
	distinct [][]string // sorted relations, those of everyone among them; never written to
	everyone []string   // what everyone has
	parent   string
	whole    bool // nothing of the object is missing
	count    int

	held []Held // of a list
	more bool

	stamp uint64 // of a part or a list: when it was read
	read  int64  // microseconds since 1970
	until int64  // the same: something of it has expired by then; 0: never
}

// row is one relation to an object.
type row struct {
	subject, relation string
	expires           int64
}

// newFacts takes the relations to one object.
func newFacts(rows []row) *facts {
	f := &facts{count: len(rows)}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(strings.Compare(a.subject, b.subject), strings.Compare(a.relation, b.relation))
	})
	length := 0
	var subjects int
	for i, r := range rows {
		f.expires(r.expires)
		switch {
		case r.relation == Parent:
			f.parent = r.subject
		case r.subject == Everyone:
			f.everyone = append(f.everyone, intern(r.relation))
		case i == 0 || rows[i-1].subject != r.subject:
			subjects++
			length += len(r.subject)
		}
	}
	f.ends, f.sets = make([]uint32, 0, subjects), make([]uint16, 0, subjects)
	var names strings.Builder
	names.Grow(length)
	own := make([]string, 0, 8)
	for i := 0; i < len(rows); {
		subject := rows[i].subject
		for own = own[:0]; i < len(rows) && rows[i].subject == subject; i++ {
			if rows[i].relation != Parent {
				own = append(own, rows[i].relation)
			}
		}
		if subject == Everyone || len(own) == 0 {
			continue
		}
		names.WriteString(subject)
		f.ends = append(f.ends, uint32(names.Len()))
		f.sets = append(f.sets, f.set(own))
	}
	f.names = names.String()
	return f
}

// intern keeps one copy of a relation's name, wherever it is read.
func intern(relation string) string { return unique.Make(relation).Value() }

// set finds these relations, with those of everyone, among the distinct sets, or adds them.
func (f *facts) set(own []string) uint16 {
	all := append(own[:len(own):len(own)], f.everyone...)
	slices.Sort(all)
	all = slices.Compact(all)
	for i, s := range f.distinct {
		if slices.Equal(s, all) {
			return uint16(i)
		}
	}
	kept := make([]string, len(all))
	for i, r := range all {
		kept[i] = intern(r)
	}
	f.distinct = append(f.distinct, kept)
	return uint16(len(f.distinct) - 1)
}

// expires notes when a relation ends.
func (f *facts) expires(at int64) {
	if at != 0 && (f.until == 0 || at < f.until) {
		f.until = at
	}
}

// relations gives those of a subject and of everyone. They are shared: nobody writes to them.
func (f *facts) relations(subject string) []string {
	i := sort.Search(len(f.ends), func(i int) bool { return f.name(i) >= subject })
	if i < len(f.ends) && f.name(i) == subject {
		return f.distinct[f.sets[i]]
	}
	return slices.Clip(f.everyone)
}

func (f *facts) name(i int) string {
	if i == 0 {
		return f.names[:f.ends[0]]
	}
	return f.names[f.ends[i-1]:f.ends[i]]
}

// overhead is what an entry of the cache takes beside what it holds: the struct, and its share of the map.
const overhead = 336

// size is roughly how many bytes the facts take in memory.
func (f *facts) size(k key) int {
	n := overhead + len(k.object) + len(k.subject) + len(f.names) + 4*cap(f.ends) + 2*cap(f.sets) + 16*len(f.everyone) + len(f.parent)
	for _, s := range f.distinct {
		n += 24 + 16*len(s)
	}
	for _, h := range f.held {
		n += 40 + len(h.Object)
	}
	return n
}
