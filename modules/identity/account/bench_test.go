package account

import "testing"

func BenchmarkBreached(b *testing.B) {
	for b.Loop() {
		_ = breached("otter-lamp-quarry-58")
	}
}

func BenchmarkProfile(b *testing.B) {
	h := newHouse(b)
	a := h.person("ursula", "ursula@example.org")
	for b.Loop() {
		if _, err := h.Profile(ctx, a.ID); err != nil {
			b.Fatal(err)
		}
	}
}
