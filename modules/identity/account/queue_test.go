package account

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Of the logins that wait for a hash only so many do; the others are told at once.
func TestTheQueueIsBounded(t *testing.T) {
	h, err := NewHasher(Params{Memory: 64, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.Limit(5)
	for range cap(slots) {
		slots <- struct{}{}
	}
	stored := h.dummy.String()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 100)
	ask := func(n int) {
		for i := range n {
			go func() {
				if i%2 == 0 {
					done <- h.Waste(ctx, "x") // who does not exist waits as who does
					return
				}
				_, _, err := h.Verify(ctx, "x", stored)
				done <- err
			}()
		}
	}
	ask(50)
	for range 45 {
		select {
		case err := <-done:
			if !errors.Is(err, ErrBusy) {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("more wait than may")
		}
	}
	if waiting.Load() != 5 {
		t.Fatal("waiting:", waiting.Load())
	}
	cancel() // who hangs up makes room
	for range 5 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if waiting.Load() != 0 {
		t.Fatal("waiting:", waiting.Load())
	}
	for range cap(slots) {
		<-slots
	}
	if err := h.Waste(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
}
