package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// An operator gives somebody a room for a while: every node lets them in, and out again, without anybody doing anything.
func TestGrantCommand(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra, _ := s.both(t, "petra")
		ursula, elsewhere := s.both(t, "ursula")
		room := petra.NewRoom(t, "Granted "+s.name, "private").ID
		messages := kit.RoomPath(room, "messages")
		grant := func(code int, args ...string) string {
			t.Helper()
			got, out := s.a.Exec(t, "", append(append([]string{"grant"}, args...), "--address", "unix//"+filepath.Join(s.a.Data, "admin.sock"))...)
			if got != code {
				t.Fatalf("grant %v: exit code %d\n%s", args, got, out)
			}
			return out
		}
		ursula.Call(t, "GET", messages, nil).Problem(t, http.StatusForbidden)
		grant(3, "check", "ursula", "room:"+room, "member")
		grant(0, "add", "ursula", "member", "room:"+room, "--for", "12s")
		ursula.Call(t, "GET", messages, nil).Want(t, http.StatusOK)
		if out := grant(0, "list", "--object", "room:"+room, "--json"); !strings.Contains(out, `"expires"`) || strings.Count(out, "\n") < 2 {
			t.Error(out)
		}
		for _, c := range []*kit.Client{elsewhere, ursula} {
			kit.Eventually(t, 60*time.Second, "its end", func() bool { return c.Call(t, "GET", messages, nil).Status == http.StatusForbidden })
		}
		grant(0, "add", "ursula", "member", "room:"+room)
		grant(0, "check", "ursula", "room:"+room, "member")
		kit.Eventually(t, 30*time.Second, "the other node knows", func() bool { return elsewhere.Call(t, "GET", messages, nil).Status == http.StatusOK })
		grant(0, "rm", "--subject", "ursula", "--object", "room:"+room)
		kit.Eventually(t, 30*time.Second, "the other node knows of the end", func() bool {
			return elsewhere.Call(t, "GET", messages, nil).Status == http.StatusForbidden
		})
		if out := grant(1, "add", "ursual", "member", "room:"+room); !strings.Contains(out, "no account is called") {
			t.Error(out)
		}
		kit.Eventually(t, 30*time.Second, "the events", func() bool {
			n := 0
			for _, e := range s.a.Events(t) {
				if slices.Contains([]string{"grant-added", "grant-removed"}, e.Str("event.action")) && e.Str("gateway.grant.object") == "room:"+room && e.Str("user.id") != "" {
					n++
				}
			}
			return n == 3
		})
	})
}
