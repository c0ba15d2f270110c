package grant

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/policy/grant/granttest"
)

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMillion prints what a million grants cost: memory for all of them, and time for questions from memory, from the database, and for lists.
func BenchmarkMillion(b *testing.B) {
	s := open(b)
	if err := granttest.Fill(context.Background(), s.db, granttest.Rooms); err != nil {
		b.Fatal(err)
	}
	rooms, owners := make([]string, granttest.Rooms), make([]string, granttest.Rooms)
	for i := range rooms {
		rooms[i], owners[i] = granttest.Room(i), granttest.Person(granttest.Owner(i))
	}
	ask := func(b *testing.B, i int) {
		r, err := s.Relations(context.Background(), owners[i], rooms[i])
		if err != nil || !slices.Contains(r, "owner") {
			b.Fatal(i, r, err)
		}
	}
	before, began := heap(), time.Now()
	for i := range rooms {
		ask(b, i)
	}
	took, grown := time.Since(began), heap()-before
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			runtime.KeepAlive(s)
		}
		b.ReportMetric(float64(grown)/(1<<20), "MiB")
		b.ReportMetric(float64(s.said())/(1<<20), "MiB-accounted")
		b.ReportMetric(float64(grown)/(granttest.Rooms*granttest.PerRoom), "B/grant")
		b.ReportMetric(float64(took.Microseconds())/granttest.Rooms, "µs/cold-room")
	})
	b.Run("from memory", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b, rand.IntN(len(rooms)))
		}
	})
	b.Run("one changed", func(b *testing.B) { // as after each change of a room
		b.ReportAllocs()
		for b.Loop() {
			i := rand.IntN(len(rooms))
			s.changed(rooms[i])
			ask(b, i)
		}
	})
	b.Run("objects remembered", func(b *testing.B) { objectsOf(b, s, false) })
	b.Run("objects from the database", func(b *testing.B) { objectsOf(b, s, true) })
	b.Run("apply", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			message := fmt.Sprint("message:", n)
			apply(b, s, []Grant{{owners[n%len(owners)], "author", message, never}, {rooms[n%len(rooms)], Parent, message, never}}, nil)
		}
	})
}

// said is what the cache takes itself to hold.
func (s *Store) said() (n int) {
	for _, generation := range []map[key]*facts{s.cache.young, s.cache.old} {
		for k, f := range generation {
			n += f.size(k)
		}
	}
	return n
}

// objectsOf lists a person's rooms and those of everyone: 1,020 of them.
func objectsOf(b *testing.B, s *Store, changed bool) {
	b.ReportAllocs()
	for b.Loop() {
		if changed {
			s.changed(granttest.Room(0))
		}
		list, more, err := s.Objects(context.Background(), granttest.Person(501), "room", 2000)
		if err != nil || more || len(list) < 1000 {
			b.Fatal(len(list), more, err)
		}
	}
}

// The memory that the cache takes itself to hold is what it holds, whatever it holds: by it, it is bounded.
func TestMemoryIsAccounted(t *testing.T) {
	for name, rows := range map[string]func(i int) []row{
		"nothing":   func(int) []row { return nil },
		"one owner": func(i int) []row { return []row{{granttest.Person(i), "owner", 0}} },
		"a message": func(i int) []row { return []row{{granttest.Person(i), "author", 0}, {granttest.Room(i), Parent, 0}} },
		"a hundred": func(i int) []row { return many(i, 100, "member") },
		"many sets": func(i int) []row { return many(i, 20, "a", "b", "c", "d", "e", "f") },
		"everyone's, too": func(i int) []row {
			return append(many(i, 5, "member", "x"), row{Everyone, "viewer", 0}, row{Everyone, "reader", 0})
		},
	} {
		c := newCache(1 << 30)
		before := heap()
		const n = 3000
		for i := range n {
			k := key{object: granttest.Room(i)}
			f := newFacts(rows(i))
			f.whole = true
			c.put(k, f, c.stampOf(k), time.Now())
		}
		is, said := float64(heap()-before), float64(c.bytes)
		if is > 1.3*said || is < 0.4*said {
			t.Errorf("%s: %.0f bytes each, accounted %.0f", name, is/n, said/n)
		}
		runtime.KeepAlive(c)
	}
}

func many(i, n int, relations ...string) (rows []row) {
	for j := range n {
		for k, r := range relations {
			if k == 0 || (i+j)%(k+1) == 0 {
				rows = append(rows, row{granttest.Person(i + j*501), r, 0})
			}
		}
	}
	return rows
}
