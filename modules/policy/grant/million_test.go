package grant

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// What a large gateway holds: a million relations of 50,000 people to 10,000 rooms.
const (
	manyRooms  = 10_000
	manyPeople = 50_000
	perRoom    = 100
)

func roomNo(i int) string   { return fmt.Sprintf("room:%05d", i) }
func personNo(i int) string { return fmt.Sprintf("person.%05d", i) }

// fill writes a million relations: of each room one owner, 98 members, and every tenth is open to everyone.
func fill(t testing.TB, db *database.DB) {
	t.Helper()
	const batch = 500
	var q strings.Builder
	q.WriteString(`INSERT INTO grants (object, subject, relation, kind, at) VALUES (?, ?, ?, 'room', 1)`)
	for range batch - 1 {
		q.WriteString(`, (?, ?, ?, 'room', 1)`)
	}
	insert := q.String()
	args := make([]any, 0, 3*batch)
	err := db.InTx(context.Background(), func(tx *database.Tx) error {
		for i := range manyRooms {
			for j := range perRoom {
				relation, who := "member", personNo((i*37+j*501)%manyPeople)
				switch {
				case j == 0:
					relation = "owner"
				case j == 1 && i%10 == 0:
					relation, who = "viewer", Everyone
				}
				if args = append(args, roomNo(i), who, relation); len(args) == cap(args) {
					if _, err := tx.Exec(context.Background(), insert, args...); err != nil {
						return err
					}
					args = args[:0]
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

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
	fill(b, s.db)
	ctx := context.Background()
	rooms, owners := make([]string, manyRooms), make([]string, manyRooms)
	for i := range rooms {
		rooms[i], owners[i] = roomNo(i), personNo((i*37)%manyPeople)
	}
	ask := func(b *testing.B, i int) {
		r, err := s.Relations(ctx, owners[i], rooms[i])
		if err != nil || !slices.Contains(r, "owner") {
			b.Fatal(i, r, err)
		}
	}
	before, began := heap(), time.Now()
	for i := range manyRooms {
		ask(b, i)
	}
	took, grown := time.Since(began), heap()-before
	said := 0
	for _, generation := range []map[key]*facts{s.cache.young, s.cache.old} {
		for k, f := range generation {
			said += f.size(k)
		}
	}
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			runtime.KeepAlive(s)
		}
		b.ReportMetric(float64(grown)/(1<<20), "MiB")
		b.ReportMetric(float64(said)/(1<<20), "MiB-accounted")
		b.ReportMetric(float64(grown)/(manyRooms*perRoom), "B/grant")
		b.ReportMetric(float64(took.Microseconds())/manyRooms, "µs/cold-room")
	})
	b.Run("from memory", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b, rand.IntN(manyRooms))
		}
	})
	b.Run("one changed", func(b *testing.B) { // as after each change of a room
		b.ReportAllocs()
		for b.Loop() {
			i := rand.IntN(manyRooms)
			s.changed(roomNo(i))
			ask(b, i)
		}
	})
	b.Run("objects remembered", func(b *testing.B) { objectsOf(b, s, false) })
	b.Run("objects from the database", func(b *testing.B) { objectsOf(b, s, true) })
	b.Run("looks at all rooms, from the database", func(b *testing.B) {
		for b.Loop() {
			s.cache.mu.Lock()
			clear(s.cache.young)
			clear(s.cache.old)
			s.cache.bytes = 0
			s.cache.mu.Unlock()
			if _, err := s.Looks(ctx, owners[0], rooms); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("looks at all rooms, from memory", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Looks(ctx, owners[0], rooms); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("apply", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			apply(b, s, []Grant{{personNo(n % manyPeople), "author", fmt.Sprint("message:", n), never}, {roomNo(n % manyRooms), Parent, fmt.Sprint("message:", n), never}}, nil)
		}
	})
}

// objectsOf lists a person's rooms and those of everyone: 1,020 of them.
func objectsOf(b *testing.B, s *Store, changed bool) {
	b.ReportAllocs()
	for b.Loop() {
		if changed {
			s.changed(roomNo(0))
		}
		list, more, err := s.Objects(context.Background(), personNo(501), "room", 2000)
		if err != nil || more || len(list) < 1000 {
			b.Fatal(len(list), more, err)
		}
	}
}
