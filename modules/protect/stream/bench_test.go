package stream

import (
	"io"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	chunk := bytesOf(32 << 10)
	s, err := NewSealer(io.Discard, testHead, testKey, testPlace)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	whole := sealed(b, bytesOf(8<<20))
	b.SetBytes(int64(len(whole)))
	b.ReportAllocs()
	for b.Loop() {
		o := NewOpener(io.Discard, find(testPlace))
		for p := whole; len(p) > 0; p = p[min(32<<10, len(p)):] {
			if _, err := o.Write(p[:min(32<<10, len(p))]); err != nil {
				b.Fatal(err)
			}
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
