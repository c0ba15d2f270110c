package ecs

import "testing"

func BenchmarkParse(b *testing.B) {
	in := []byte(line)
	var e Event
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}
