package compliance

import (
	"io"
	"testing"
)

// BenchmarkAssess looks at everything, of facts that are at hand.
func BenchmarkAssess(b *testing.B) {
	f := good()
	for b.Loop() {
		Assess(f, Frameworks())
	}
}

// BenchmarkHTML writes the report as a page.
func BenchmarkHTML(b *testing.B) {
	r := broken()
	for b.Loop() {
		if err := r.WriteHTML(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
