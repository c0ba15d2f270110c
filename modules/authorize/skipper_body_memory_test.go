package authorize

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Skipper bounds the memory of all bodies that wait for its policy, after it could be exhausted by many of them at once. So it is here, and one
// client can't take it all from the others.
func TestTheMemoryOfBodiesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBodies(largestBody)
		var held []func()
		defer func() {
			for _, free := range held {
				free()
			}
			if !b.text.Idle() || !b.values.Idle() {
				t.Error("memory is still counted")
			}
		}()
		send := func(client string) error {
			r, rc := request(`"` + strings.Repeat("x", 64<<10-2) + `"`)
			rc.Client.IP = netip.MustParseAddr(client)
			s, free, err := b.take(httptest.NewRecorder(), r, rc, 64<<10)
			s.decided()
			if held = append(held, free); err == nil && s.truncated {
				t.Error("truncated")
			}
			return err
		}
		for i := range 8 { // half of the room
			if err := send("192.0.2.1"); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if err := send("192.0.2.1"); !errors.Is(err, gate.ErrClient) {
			t.Errorf("one client takes more than half: %v", err)
		}
		for i := range 8 {
			if err := send("192.0.2.2"); err != nil {
				t.Fatalf("another client, %d: %v", i, err)
			}
		}
		if err := send("192.0.2.3"); !errors.Is(err, gate.ErrBusy) {
			t.Errorf("more than all: %v", err)
		}
		held[0]()
		held[0] = func() {}
		if err := send("192.0.2.3"); err != nil {
			t.Errorf("after one was answered: %v", err)
		}
	})
}

// What JSON takes in memory is far more than its text: values are counted, too, until the decision is made.
func TestTheMemoryOfValuesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBodies(largestBody) // 2048 values
		held, refused := 0, 0
		var all []*sent
		for i := range 40 {
			r, rc := request(`[` + strings.Repeat("1,", 99) + `1]`)
			rc.Client.IP = netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i))
			s, _, err := b.take(httptest.NewRecorder(), r, rc, 64<<10)
			if err == nil {
				held, all = held+1, append(all, &s)
			} else if errors.Is(err, gate.ErrBusy) {
				refused++
			}
		}
		if held < 15 || held > 20 || held+refused != 40 {
			t.Errorf("%d held, %d refused", held, refused)
		}
		for _, s := range all {
			s.decided()
		}
		if !b.values.Idle() {
			t.Error("memory is still counted")
		}
	})
}

// Where there is no room in time the answer is 503.
func TestNoRoomForBodiesIs503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Handler{
			ground: ground.New(&ground.Ground{}, func() {}), policy: &counting{decision: engine.Decision{Allow: true}}, bodies: newBodies(largestBody),
			router: &router{}, now: time.Now,
		}
		rt, err := Route{Path: "/things", Rule: Rule{Permission: "p"}, Body: &Body{}}.compile()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.router.Add("POST", rt.pattern, rt.name, rt); err != nil {
			t.Fatal(err)
		}
		for _, room := range []*gate.Gate{h.bodies.text, h.bodies.values} {
			var seats []gate.Seat
			for _, client := range []string{"a", "b"} {
				seat, err := room.Enter(t.Context(), client, largestBody, time.Second) // a share
				if err != nil {
					t.Fatal(err)
				}
				seats = append(seats, seat)
			}
			r, _ := request(`{}`)
			r.URL.Path = "/things"
			w := httptest.NewRecorder()
			if err := h.ServeHTTP(w, r, nil); err != nil || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("%v %d", err, w.Code)
			}
			for _, s := range seats {
				s.Leave()
			}
			if !room.Idle() {
				t.Error("memory is still counted")
			}
		}
	})
}
