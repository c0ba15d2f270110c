package pick

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func none(int) bool { return false }

func targets(names ...string) []Target {
	all := make([]Target, len(names))
	for i, n := range names {
		all[i] = Target{Name: n, Available: true}
	}
	return all
}

// A back end that comes back gets a share that grows; those that were there from the beginning have theirs at once.
func TestSlowStart(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	table := NewTable(func() time.Time { return now })
	all := targets("a", "b")
	weights := func() []float64 { return table.Weights(all, 10*time.Second) }
	want := func(a, b float64) {
		t.Helper()
		if w := weights(); math.Abs(w[0]-a) > 1e-9 || math.Abs(w[1]-b) > 1e-9 {
			t.Fatalf("%v, want %v %v", w, a, b)
		}
	}
	want(1, 1)
	all[1].Available = false
	want(1, 0)
	now = now.Add(time.Minute)
	all[1].Available = true
	want(1, least)
	now = now.Add(3 * time.Second)
	want(1, 0.3)
	now = now.Add(6 * time.Second)
	want(1, 0.9)
	now = now.Add(time.Hour)
	want(1, 1)
	all = append(all, Target{Name: "c", Available: true}) // a new one, as after a reload
	if w := weights(); w[2] != least {
		t.Fatalf("a new one begins with %v", w[2])
	}
	if w := table.Weights(all, 0); w[2] != 1 {
		t.Fatalf("without slow start: %v", w[2])
	}
}

func TestLeastConnections(t *testing.T) {
	all := targets("a", "b", "c")
	all[0].Requests, all[1].Requests, all[2].Requests = 10, 3, 7
	if got := Least(all, []float64{1, 1, 1}, none); got != 1 {
		t.Errorf("chose %d", got)
	}
	if got := Least(all, []float64{1, 0.1, 1}, none); got != 2 { // (3+1)/0.1 = 40
		t.Errorf("one that starts slowly is overrun: chose %d", got)
	}
	if got := Least(all, []float64{1, 0, 0}, none); got != 0 {
		t.Errorf("chose %d, which is down", got)
	}
	if got := Least(all, []float64{0, 0, 0}, none); got != -1 {
		t.Errorf("chose %d of none", got)
	}
	if got := Least(all, []float64{1, 1, 1}, func(i int) bool { return i == 1 }); got != 2 {
		t.Errorf("chose %d, which is to be left out", got)
	}
	seen := map[int]bool{}
	for range 1000 {
		seen[Least(targets("a", "b", "c"), []float64{1, 1, 1}, none)] = true
	}
	if len(seen) != 3 {
		t.Errorf("of equals always the same: %v", seen)
	}
}

// Keys spread evenly; when one of ten goes, its keys alone move, to all others; when it comes back, they come back.
func TestFewKeysMove(t *testing.T) {
	const keys = 20_000
	all := targets("10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000", "10.0.0.4:9000", "10.0.0.5:9000", "10.0.0.6:9000", "10.0.0.7:9000", "10.0.0.8:9000", "10.0.0.9:9000", "10.0.0.10:9000")
	full := make([]float64, len(all))
	for i := range full {
		full[i] = 1
	}
	where := func(weights []float64) []int {
		at := make([]int, keys)
		for k := range at {
			at[k] = Of(fmt.Sprintf("user-%d", k), all, weights, none)
		}
		return at
	}
	before := where(full)
	count := make([]int, len(all))
	for _, i := range before {
		count[i]++
	}
	for i, n := range count {
		if n < keys/10*8/10 || n > keys/10*12/10 {
			t.Errorf("%s has %d of %d keys", all[i].Name, n, keys)
		}
	}
	without := append([]float64(nil), full...)
	without[3] = 0
	to := map[int]int{}
	for k, i := range where(without) {
		if before[k] != 3 && i != before[k] {
			t.Fatalf("key %d moved from %d to %d, which were both there", k, before[k], i)
		}
		if before[k] == 3 {
			to[i]++
		}
	}
	if len(to) != 9 || to[3] != 0 {
		t.Errorf("the keys of the one that went are at %v", to)
	}
	slow := append([]float64(nil), full...)
	slow[3] = 0.25
	began := 0
	for k, i := range where(slow) {
		switch {
		case i == 3 && before[k] != 3:
			t.Fatalf("key %d is at the one that starts slowly, and never was before", k)
		case i == 3:
			began++
		case before[k] != 3 && i != before[k]:
			t.Fatalf("key %d moved between others", k)
		}
	}
	if share := float64(began) / float64(count[3]); share < 0.15 || share > 0.4 {
		t.Errorf("at a quarter of its weight it has %.2f of its keys", share)
	}
}

// Whatever the states: what is chosen is available and not left out, and something is chosen where there is something to choose.
func TestChoosesOfWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6).Draw(t, "n")
		all, weights, out := make([]Target, n), make([]float64, n), make([]bool, n)
		some := false
		for i := range all {
			all[i] = Target{fmt.Sprint("back-", i), rapid.Bool().Draw(t, "up"), rapid.IntRange(0, 50).Draw(t, "requests")}
			out[i] = rapid.Bool().Draw(t, "out")
			if all[i].Available {
				weights[i] = rapid.Float64Range(least, 1).Draw(t, "weight")
			}
			some = some || all[i].Available && !out[i]
		}
		skip := func(i int) bool { return out[i] }
		key := rapid.String().Draw(t, "key")
		for _, got := range []int{Least(all, weights, skip), Of(key, all, weights, skip)} {
			if (got >= 0) != some || got >= 0 && (!all[got].Available || out[got]) {
				t.Fatalf("chose %d of %+v without %v", got, all, out)
			}
		}
	})
}

// Back ends that come and go fill no memory.
func TestTheTableIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	table := NewTable(func() time.Time { return now })
	for i := range mostKnown + 100 {
		table.Weights(targets(fmt.Sprint("pod-", i)), time.Second)
	}
	if len(table.known) > mostKnown {
		t.Fatal(len(table.known))
	}
}

func BenchmarkSticky(b *testing.B) {
	all := targets("10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000")
	table := NewTable(time.Now)
	b.ReportAllocs()
	for b.Loop() {
		Of("01J5ZQ2V7M8N9P0Q1R2S3T4U5V", all, table.Weights(all, 30*time.Second), none)
	}
}
