package ground

import (
	"sync"
	"testing"
)

// A reload lets go of the ground while requests still use it: it closes once, after the last of them.
func TestClosesAfterTheLastHolder(t *testing.T) {
	closed := 0
	g := New(&Ground{}, func() { closed++ })
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 100 {
		release := g.Hold()
		wg.Go(func() {
			<-start
			release()
		})
	}
	g.Release()
	if closed != 0 {
		t.Fatal("closed under its holders")
	}
	close(start)
	wg.Wait()
	if closed != 1 {
		t.Fatalf("closed %d times", closed)
	}
	var none *Ground
	none.Hold()()
}
