package authorize

import (
	"testing"

	"github.com/coder/websocket"
)

// Types of messages that have one rule are nevertheless several to the policy: what is kept of one does not hold for another.
func TestKeptDecisionsTellTypesApart(t *testing.T) {
	e := newEnv(t, `
	socket /ws {
		permission app:read
		in say shout {
			permission app:write
			resource room:{room}
		}
		out said hidden {
			permission app:read
			resource room:{room}
			drop
		}
	}`, withPolicy(t, `package gateway

default decision := {"allow": true, "reason": "r"}

decision := {"allow": false, "reason": "no"} if input.message.type in {"shout", "hidden"}
`))
	l := dial(t, e, "/ws", "ursula/user")
	l.hears(`{"type":"said","room":"a"}`)
	l.send <- `{"type":"hidden","room":"a","text":"leak"}`
	l.hears(`{"type":"said","room":"a","n":1}`)
	l.arrives(`{"type":"say","room":"a"}`)
	l.say(`{"type":"shout","room":"a"}`)
	l.closes(websocket.StatusPolicyViolation, "another type by the same rule")
}
