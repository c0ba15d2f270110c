package health

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func is(state State, reason string) Check {
	return func(context.Context) (State, string) { return state, reason }
}

func TestAll(t *testing.T) {
	var s Set
	s.Add("store", is(Degraded, "away"))
	removePolicy := s.Add("policy", is(Failed, "none"))
	s.Add("database", is(OK, ""))
	got := s.All(t.Context())
	want := []Report{{"database", OK, ""}, {"policy", Failed, "none"}, {"store", Degraded, "away"}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Fatal(got)
	}
	if Worst(got) != Failed || Ready(got, nil) {
		t.Fatal("a part has failed")
	}
	removePolicy()
	got = s.All(t.Context())
	if len(got) != 2 || Worst(got) != Degraded || !Ready(got, nil) {
		t.Fatalf("%v: what is degraded serves", got)
	}
	if Ready(got, []string{"store"}) || !Ready(got, []string{"database"}) || Ready(got, []string{"unknown"}) {
		t.Fatal("what is required must be well")
	}
	s.Add("store", is(OK, "")) // in its place
	if got = s.All(t.Context()); len(got) != 2 || Worst(got) != OK {
		t.Fatal(got)
	}
}

func TestNoSet(t *testing.T) {
	var s *Set
	s.Add("x", is(Failed, ""))()
	if s.All(t.Context()) != nil {
		t.Fatal("a nil set has parts")
	}
}

// A flood of probes costs what one does.
func TestAFloodOfProbesIsOneLook(t *testing.T) {
	var s Set
	var looks atomic.Int64
	proceed := make(chan struct{})
	s.Add("slow", func(context.Context) (State, string) {
		looks.Add(1)
		<-proceed
		return OK, ""
	})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { s.All(t.Context()) })
	}
	close(proceed)
	all.Wait()
	if n := looks.Load(); n < 1 || n > 30 { // one a second: a busy machine may take some
		t.Fatalf("%d looks", n)
	}
}

// A part that hangs has failed, the others are told all the same, and no second check of it begins.
func TestAPartThatHangsHasFailed(t *testing.T) {
	var s Set
	var running atomic.Int64
	hang := make(chan struct{})
	defer close(hang)
	s.Add("hung", func(context.Context) (State, string) {
		running.Add(1)
		<-hang // it does not even look at its context
		return OK, ""
	})
	s.Add("well", is(OK, ""))
	for range 2 {
		got := s.All(t.Context())
		if got[0].State != Failed || got[1].State != OK {
			t.Fatal(got)
		}
		s.Add("well", is(OK, "")) // forget what was said
	}
	if running.Load() != 1 {
		t.Fatal("a second check of a part that hangs")
	}
}

// Who can't wait is not told that all is well.
func TestUnknownIsNotWell(t *testing.T) {
	var s Set
	hang := make(chan struct{})
	defer close(hang)
	s.Add("hung", func(context.Context) (State, string) {
		<-hang
		return OK, ""
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := s.All(ctx); len(got) != 1 || got[0].State != Failed {
		t.Fatal(got)
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	var s Set
	s.Add("broken", func(context.Context) (State, string) { panic("secret") })
	s.Add("long", is(OK, strings.Repeat("ä", 1000)))
	s.Add("odd", is(200, ""))
	got := s.All(t.Context())
	if got[0].State != Failed || strings.Contains(got[0].Reason, "secret") || len(got[1].Reason) > longest+3 || got[2].State != Failed {
		t.Fatal(got)
	}
}

func TestStatesAreText(t *testing.T) {
	b, err := json.Marshal([]Report{{"a", OK, ""}, {"b", Degraded, "why"}, {"c", Failed, ""}, {"d", 99, ""}})
	if want := `[{"part":"a","state":"ok"},{"part":"b","state":"degraded","reason":"why"},{"part":"c","state":"failed"},{"part":"d","state":"failed"}]`; err != nil || string(b) != want {
		t.Fatal(string(b), err)
	}
	var back []Report
	if err := json.Unmarshal(b, &back); err != nil || back[1].State != Degraded || back[3].State != Failed {
		t.Fatal(back, err)
	}
	if err := json.Unmarshal([]byte(`[{"state":"splendid"}]`), &back); err != nil || back[0].State != Failed {
		t.Fatal(back, err)
	}
}

// What was said a second ago is asked again.
func TestWhatWasSaidIsForgotten(t *testing.T) {
	var s Set
	var state atomic.Int32
	s.Add("part", func(context.Context) (State, string) { return State(state.Load()), "" })
	if s.All(t.Context())[0].State != OK {
		t.Fatal("not well")
	}
	state.Store(int32(Failed))
	for end := time.Now().Add(30 * time.Second); s.All(t.Context())[0].State != Failed; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what was said stays")
		}
	}
}

func TestSummarize(t *testing.T) {
	var s Set
	s.Add("database", is(OK, ""))
	s.Add("store", is(OK, ""))
	say := func(required []string, shuttingDown bool, ready bool, status string) {
		t.Helper()
		if got := s.Summarize(t.Context(), required, shuttingDown); got.Ready != ready || got.Status != status || len(got.Parts) != 2 {
			t.Errorf("%v, want %v %s", got, ready, status)
		}
	}
	say(nil, false, true, "ready")
	say(nil, true, false, "shutting down")
	s.Add("store", is(Degraded, ""))
	say(nil, false, true, "degraded")
	say([]string{"store"}, false, false, "not ready")
	s.Add("store", is(Failed, ""))
	say(nil, false, false, "not ready")
	say(nil, true, false, "shutting down")
}
