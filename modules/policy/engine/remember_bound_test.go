package engine

import (
	"context"
	"strings"
	"testing"
	"time"
)

// What a client makes as long as it likes must not be held: long paths of strangers would fill the memory of the machine.
func TestLongInputsAreNotRemembered(t *testing.T) {
	e := New(compile(t, `decision := {"allow": input.request.path == "/api/rooms/general/messages"}`, nil), 0, time.Now)
	held := func() (n int) {
		m := e.current.Load().memory
		for i := range m.shards {
			n += len(m.shards[i].m)
		}
		return n
	}
	long := &Input{Method: "GET", Path: "/" + strings.Repeat("x", 30<<10), Permission: "app:read"}
	for range 2 {
		if d, err := e.Decide(context.Background(), long); err != nil || d.Allow {
			t.Fatalf("%+v %v", d, err)
		}
	}
	if n := held(); n != 0 {
		t.Errorf("%d long ones are held", n)
	}
	if _, err := e.Decide(context.Background(), messagePost()); err != nil || held() != 1 {
		t.Errorf("an ordinary one is not held: %v", err)
	}
}
