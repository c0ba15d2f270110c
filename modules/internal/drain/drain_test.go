package drain

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience is for what comes soon on any machine.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestAllAreToldOnce(t *testing.T) {
	d := New()
	const n = 200
	var told [n]atomic.Int64
	for i := range n {
		var left func()
		ready := make(chan struct{})
		left = d.Join(func() {
			<-ready
			told[i].Add(1)
			left()
		})
		close(ready)
	}
	if d.Refuses() || d.Open() != n {
		t.Fatal("it drains before it was begun")
	}
	d.Begin(0, 50*time.Millisecond)
	d.Begin(time.Hour, time.Hour) // the first counts
	if left := d.Wait(patience(t)); left != 0 || d.Open() != 0 || !d.Refuses() {
		t.Fatalf("%d are left", left)
	}
	for i := range told {
		if told[i].Load() != 1 {
			t.Fatalf("socket %d was told %d times", i, told[i].Load())
		}
	}
}

// Sockets that end by themselves are not waited for, and are not told.
func TestThoseThatEndByThemselves(t *testing.T) {
	d := New()
	var told atomic.Bool
	first, second := d.Join(func() { told.Store(true) }), d.Join(func() { told.Store(true) })
	first()
	d.Begin(time.Hour, 0)
	second()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if left := d.Wait(ended); left != 0 || told.Load() {
		t.Fatal("there is none left", left)
	}
	d.Close()
}

// Until the time has come sockets come and stay; one that was on its way then is told at once.
func TestUntilTheTimeHasCome(t *testing.T) {
	d := New()
	d.Begin(time.Hour, 0)
	if d.Refuses() {
		t.Fatal("too early")
	}
	d.tellAll(0) // the hour is over
	if !d.Refuses() || d.Wait(patience(t)) != 0 {
		t.Fatal("it does not drain")
	}
	told := make(chan struct{})
	left := d.Join(func() { close(told) })
	select {
	case <-told:
	case <-patience(t).Done():
		t.Fatal("a late socket stays")
	}
	left()
	d.Close()
}

// One that stays is told of, and does not keep the process.
func TestOneThatStays(t *testing.T) {
	d := New()
	d.Join(func() {})
	d.Begin(0, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if left := d.Wait(ctx); left != 1 {
		t.Fatal(left)
	}
}

func TestManyAtOnce(t *testing.T) {
	d := New()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				d.Join(func() {})()
			}
		})
	}
	d.Begin(0, time.Millisecond)
	all.Wait()
	if d.Wait(patience(t)) != 0 {
		t.Fatal("some are left")
	}
}

func TestNil(t *testing.T) {
	var d *Drain
	d.Begin(0, 0)
	d.Join(func() {})()
	if d.Refuses() || d.Open() != 0 || d.Wait(t.Context()) != 0 {
		t.Fatal("a nil one drains")
	}
}
