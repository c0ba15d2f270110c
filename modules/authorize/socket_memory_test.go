package authorize

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// A message of many small values takes far more memory than its text, as long as its decision waits for the database: many sockets at once must find
// no more room than there is, whether or not the policy sees their messages.
func TestTheMemoryOfSocketMessagesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		allowed := &counting{decision: engine.Decision{Allow: true, Revision: "r1"}}
		h := &Handler{policy: allowed, now: time.Now, ground: ground.New(&ground.Ground{}, func() {}), bodies: newBodies(largestBody), logger: zap.NewNop()}
		rules := map[string]*messageRule{
			"say":  {rule: rule{permission: "p"}},
			"show": {rule: rule{permission: "p"}, body: largestBody},
		}
		g := &guard{h: h, rc: &reqctx.Request{}, caller: "a", rules: &socket{typ: "type", in: rules, out: rules}, kept: map[question]verdict{}}
		many := func(kind string) []byte {
			return []byte(`{"type":"` + kind + `","x":[` + strings.Repeat("0,", 900) + `0]}`)
		}
		const few = `{"type":"say","x":[0,0]}`
		var seats []gate.Seat
		for _, client := range []string{"b", "c"} {
			seat, err := h.bodies.values.Enter(t.Context(), client, largestBody, time.Second) // a share
			if err != nil {
				t.Fatal(err)
			}
			seats = append(seats, seat)
		}
		for _, dir := range []wsframe.Direction{wsframe.In, wsframe.Out} {
			for _, kind := range []string{"say", "show"} {
				var closed *wsframe.Close
				if err := g.message(t.Context(), &wsframe.Message{Dir: dir, Data: many(kind)}); !errors.As(err, &closed) || closed.Code != wsframe.CodeTryLater {
					t.Errorf("%v %s: %v", dir, kind, err)
				}
			}
			if err := g.message(t.Context(), &wsframe.Message{Dir: dir, Data: []byte(few)}); err != nil {
				t.Errorf("%v: a small message: %v", dir, err)
			}
		}
		for _, s := range seats {
			s.Leave()
		}
		for _, kind := range []string{"say", "show"} {
			if err := g.message(t.Context(), &wsframe.Message{Dir: wsframe.In, Data: many(kind)}); err != nil {
				t.Errorf("%s, with room: %v", kind, err)
			}
		}
		if !h.bodies.values.Idle() {
			t.Error("memory is still counted")
		}
	})
}
