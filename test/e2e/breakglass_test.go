package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// A moderator sees a private room in an emergency alone: with a second factor and a reason, on every node, in that session, until it is given
// back; and it is told.
func TestEmergencyAccess(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, _ := s.both(t, "petra")
		room := petra.NewRoom(t, "Private emergency "+s.name, "private").ID
		messages := kit.RoomPath(room, "messages")
		post := petra.Post(t, room, "what was reported")

		gerda := addUser(t, s.cli(), "gerda", "moderator")
		plain := s.a.Client(t).Login(t, gerda)
		reason := map[string]string{"reason": "abuse report 4711, to be read at once"}
		plain.Call(t, "POST", "/auth/api/break-glass", reason).Problem(t, http.StatusUnauthorized) // a second factor is asked for
		gerda.TOTPSecret = enrol(t, plain)
		here := s.a.Client(t).Login(t, gerda)
		elsewhere := s.a.Client(t).Login(t, gerda)
		there := here.On(t, s.b)

		here.Call(t, "GET", messages, nil).Problem(t, http.StatusForbidden)
		petra.Call(t, "POST", "/auth/api/break-glass", reason).Problem(t, http.StatusForbidden)
		here.Call(t, "POST", "/auth/api/break-glass", map[string]string{"reason": "because"}).Problem(t, http.StatusUnprocessableEntity)
		here.Call(t, "GET", messages, nil).Problem(t, http.StatusForbidden)

		here.Call(t, "POST", "/auth/api/break-glass", reason).Want(t, http.StatusOK)
		here.Call(t, "GET", messages, nil).Want(t, http.StatusOK)
		kit.Eventually(t, 30*time.Second, "the other node knows", func() bool {
			return there.Call(t, "GET", messages, nil).Status == http.StatusOK
		})
		elsewhere.Call(t, "GET", messages, nil).Problem(t, http.StatusForbidden)
		here.Call(t, "POST", messages, map[string]string{"text": "I was here"}).Problem(t, http.StatusForbidden)
		here.Call(t, "PUT", kit.RoomPath(room, "members", "ursula"), nil).Want(t, http.StatusNoContent) // a moderator's, anyhow
		here.Call(t, "DELETE", kit.RoomPath(room, "messages", post.ID), nil).Want(t, http.StatusNoContent)

		here.Call(t, "DELETE", "/auth/api/break-glass", nil).Want(t, http.StatusNoContent)
		here.Call(t, "GET", messages, nil).Problem(t, http.StatusForbidden)
		kit.Eventually(t, 30*time.Second, "the other node knows of the end", func() bool {
			return there.Call(t, "GET", messages, nil).Status == http.StatusForbidden
		})

		told := func(action string) bool {
			return slices.ContainsFunc(s.a.Events(t), func(e kit.Frame) bool {
				return e.Str("event.action") == action && (action != "break-glass" || strings.HasPrefix(e.Str("gateway.break_glass.reason"), "abuse report 4711"))
			})
		}
		kit.Eventually(t, 30*time.Second, "the events", func() bool { return told("break-glass") && told("break-glass-ended") })
	})
}
