package authenticate

import (
	"fmt"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBudget(3, 2, func() time.Time { return now })
	for i := range 3 {
		if _, _, ok := b.take("a"); !ok {
			t.Fatalf("refused at %d", i)
		}
	}
	_, wait, ok := b.take("a")
	if ok || wait != 500*time.Millisecond {
		t.Errorf("the fourth: %v %v", ok, wait)
	}
	if _, _, ok := b.take("b"); !ok {
		t.Error("another client shares the bucket")
	}
	now = now.Add(wait)
	refund, _, ok := b.take("a")
	if !ok {
		t.Fatal("it does not fill again")
	}
	refund()
	if _, _, ok := b.take("a"); !ok {
		t.Error("what is given back can't be taken")
	}
	now = now.Add(time.Hour)
	refund, _, _ = b.take("a")
	refund()
	if _, ok := b.full["a"]; ok {
		t.Error("a full bucket keeps an entry")
	}
}

func TestBudgetIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBudget(3, 2, func() time.Time { return now })
	b.max = 10
	passed := 0
	for i := range 1000 {
		if _, _, ok := b.take(fmt.Sprint(i)); ok {
			passed++
		}
	}
	if len(b.full) != 10 || passed != 13 {
		t.Errorf("%d entries, %d passed", len(b.full), passed)
	}
	now = now.Add(time.Minute)
	if _, _, ok := b.take("new"); !ok || len(b.full) != 1 {
		t.Errorf("old entries stay: %d", len(b.full))
	}
}
