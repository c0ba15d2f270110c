package keyset

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

var message = []byte(strings.Repeat("message ", 300/8))

func BenchmarkUseWarm(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	use(b, n, "room/general")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Use(b.Context(), "room/general"); err != nil {
			b.Fatal(err)
		}
	}
}

// Many at one time: a lock would show.
func BenchmarkUseWarmParallel(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	use(b, n, "room/general")
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := n.Use(b.Context(), "room/general"); err != nil {
				b.Error(err)
			}
		}
	})
}

// A set that is not in memory: a query and the key ring.
func BenchmarkUseCold(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	id := use(b, n, "room/general").ID()
	b.ReportAllocs()
	for b.Loop() {
		n.cache.forget(id)
		if _, err := n.Use(b.Context(), "room/general"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMakeSet(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	i := 0
	for b.Loop() {
		i++
		use(b, n, fmt.Sprint(i))
	}
}

func BenchmarkSeal300(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	s, aad, dst := use(b, n, "room/general"), []byte("aad of a place"), make([]byte, 0, 512)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(dst, "text", message, aad); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen300(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	s, aad, dst := use(b, n, "room/general"), []byte("aad of a place"), make([]byte, 0, 512)
	sealed, err := s.Seal(nil, "text", message, aad)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Open(dst, "text", sealed, aad); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	n := openNode(b, dbtest.NewSQLite(b), ringKey(b))
	s, mail := use(b, n, "room/general"), []byte("somebody@example.com")
	b.ReportAllocs()
	for b.Loop() {
		if s.Index("mail", mail) == nil {
			b.Fatal("no index")
		}
	}
}

// What an open set takes, with the keys of two fields.
func BenchmarkMemoryOfASet(b *testing.B) {
	o := ground(b, dbtest.NewSQLite(b))
	o.Master, o.Cache = ringKey(b), 1<<20
	n := openWith(b, o)
	for b.Loop() {
		const many = 2000
		var before, after runtime.MemStats
		n.cache.clear()
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range many {
			s := use(b, n, fmt.Sprint("room/", i))
			seal(b, s, "text", "x", "")
			seal(b, s, "name", "x", "")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "bytes/set")
	}
}
