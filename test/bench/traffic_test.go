package main

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
)

// Bodies have the length that is said, are JSON, and differ.
func TestMessages(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range messages(2000) {
		var v struct{ Text string }
		if len(m) != 300 || json.Unmarshal([]byte(m), &v) != nil || v.Text == "" {
			t.Fatalf("%d bytes: %s", len(m), m)
		}
		seen[m] = true
	}
	if len(seen) != 2000 {
		t.Errorf("%d of 2000 are different", len(seen))
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{10 << 10, 1 << 20} {
		d := document(r, size)
		if !json.Valid([]byte(d)) || len(d) < size*95/100 || len(d) > size+100 {
			t.Errorf("a document of %d bytes has %d, JSON: %v", size, len(d), json.Valid([]byte(d)))
		}
	}
}
