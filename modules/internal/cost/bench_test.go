package cost

import (
	"net/http"
	"testing"
)

// path is a request through nine handlers that do nothing, with the clock or without it.
type path struct {
	clock *Clock
	part  Part
}

func (p path) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	if p.part == parts {
		return nil
	}
	next := Handler(path{p.clock, p.part + 1})
	if p.clock != nil {
		next = p.clock.Begin(p.part, next)
		defer p.clock.End()
	}
	return next.ServeHTTP(w, r)
}

func BenchmarkPath(b *testing.B) {
	for name, c := range map[string]*Clock{"without": nil, "untimed": new(Clock), "timed": {timed: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = path{c, 0}.ServeHTTP(nil, nil)
			}
		})
	}
}
