package ratelimit

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
)

// busy keeps more at work than the machine has processors for, until its end is called.
func busy() (end func()) {
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 200 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Microsecond):
				}
				for until := time.Now().Add(time.Millisecond); time.Now().Before(until); {
				}
			}
		})
	}
	return func() {
		close(stop)
		workers.Wait()
	}
}

// Where the node can't keep up, who is anonymous is refused before who is of the highest tier, and nothing is charged for it; when it can again, all are served.
func TestLowestTierIsShedFirst(t *testing.T) {
	const directive = `gw_rate_limit {
	defaults off
	zone all {
		rate 1000/1h
	}
	shed {
		target 5ms
	}
}`
	s := store.NewMemory(0)
	defer s.Close()
	h := mustLoad(t, directive, s)
	bus, err := event.Open(event.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	h.ground.Events, h.ground.Tiers = bus, tier.New(time.Now)
	h.ground.Tiers.Set("stefan", "staff")

	end := busy()
	stopped := sync.OnceFunc(end)
	defer stopped()
	deadline := time.Now().Add(3 * time.Minute)
	for asked := 0; ; asked++ {
		if time.Now().After(deadline) {
			t.Fatal("nobody was refused")
		}
		// One after another client, each of which another zone would not refuse.
		w, rc := ask(t, h, "GET /x", "192.0.2."+strconv.Itoa(1+asked%200), "")
		if w.Code == http.StatusNoContent {
			continue
		}
		retry, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if w.Code != http.StatusServiceUnavailable || err != nil || retry < 2 || retry > 10 || rc.Limited != "overload" || w.Header().Get(limitField) != "" {
			t.Fatalf("%d %v %q: the answer of a node that can't keep up", w.Code, w.Header(), rc.Limited)
		}
		break
	}
	// Half a class more is refused in a second at most, so the highest of five is served for long.
	if w, _ := ask(t, h, "GET /x", "192.0.2.1", "stefan"); w.Code != http.StatusNoContent {
		t.Errorf("staff: %d at the first refusal of the anonymous", w.Code)
	}
	stopped()
	for time.Now().Before(deadline) {
		if w, _ := ask(t, h, "GET /x", "192.0.2.1", ""); w.Code == http.StatusNoContent {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("still refused when the load has gone")
}

// A reload in the middle of an overload must not let everybody in.
func TestReloadKeepsTheGuard(t *testing.T) {
	s := store.NewMemory(0)
	defer s.Close()
	old, unload, err := load(t, "gw_rate_limit", s)
	if err != nil {
		t.Fatal(err)
	}
	next := mustLoad(t, "gw_rate_limit", s)
	unload()
	if old.shed != next.shed {
		t.Error("the new configuration has a guard of its own")
	}
	other := mustLoad(t, "gw_rate_limit {\n shed {\n target 1s\n }\n}", s)
	if other.shed == next.shed {
		t.Error("another target has the same guard")
	}
	if off := mustLoad(t, "gw_rate_limit {\n shed off\n}", s); off.shed != nil {
		t.Error("off has a guard")
	}
}

func TestShedJSON(t *testing.T) {
	for _, raw := range []string{`{"shed":{"target":1}}`, `{"shed":{"tiers":["a","a"]}}`, `{"shed":{"tiers":["A b"]}}`} {
		if _, unload, err := loadJSON(t, []byte(raw), nil); err == nil {
			unload()
			t.Errorf("%s was accepted", raw)
		}
	}
}

func TestClasses(t *testing.T) {
	s := &Shed{Tiers: []string{"standard", "premium"}}
	for i, want := range []string{"anonymous", "other", "standard", "premium"} {
		class := s.class(want, i > 0)
		if class != i || s.label(class) != want {
			t.Errorf("%s: class %d, called %s", want, class, s.label(class))
		}
	}
}
