package limit

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Of any stream, whoever had more than its share is there, no count is too low, and none is too high by more than it says.
func TestTop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20).Draw(t, "size")
		top, now, zone := NewTop(size, time.Hour), time.Now(), &Zone{Name: "z"}
		truth, total := map[string]int64{}, int64(0)
		for range rapid.IntRange(0, 300).Draw(t, "n") {
			who, n := fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "who")), rapid.Int64Range(1, 30).Draw(t, "count")
			truth[who] += n
			total += n
			top.Add(zone, NewSubject(who), n, now, func() []string { return []string{who} })
		}
		list := top.List("", 100, now)
		if len(list) > size {
			t.Fatalf("%d of %d", len(list), size)
		}
		seen := map[string]bool{}
		for i, r := range list {
			seen[r.Words[0]] = true
			if have := truth[r.Words[0]]; r.Count < have || r.Count-r.Spread > have {
				t.Fatalf("%+v, in truth %d", r, have)
			}
			if i > 0 && r.Count > list[i-1].Count {
				t.Fatalf("not in order: %+v", list)
			}
		}
		for who, n := range truth {
			if n > total/int64(size) && !seen[who] {
				t.Fatalf("%s with %d of %d is not among %d", who, n, total, size)
			}
		}
	})
}

func TestTopForgets(t *testing.T) {
	top, now := NewTop(10, time.Minute), time.Now()
	a, b := &Zone{Name: "a"}, &Zone{Name: "b"}
	who := func() []string { return nil }
	top.Add(a, Subject{}, 100, now, who)
	top.Add(b, Subject{}, 1, now, who)
	if l := top.List("", 10, now.Add(2*time.Minute)); len(l) != 1 || l[0].Count != 25 {
		t.Errorf("%+v", l)
	}
	if l := top.List("b", 10, now); len(l) != 0 {
		t.Errorf("%+v", l)
	}
	if l := top.List("a", 10, now.Add(time.Hour)); len(l) != 0 {
		t.Errorf("%+v", l)
	}
}
