package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// operate runs a command that asks the running gateway, which must end with that code.
func (s *site) operate(t *testing.T, code int, args ...string) string {
	t.Helper()
	got, out := s.a.Exec(t, "", append(args, "--address", "unix//"+filepath.Join(s.a.Data, "admin.sock"))...)
	if got != code {
		t.Fatalf("%v: exit code %d\n%s", args, got, out)
	}
	return strings.TrimSpace(out)
}

// subject is the id of who is signed in, as their token says it.
func subject(t *testing.T, c *kit.Client) string {
	t.Helper()
	parts := strings.Split(c.Access, ".")
	if len(parts) != 3 {
		t.Fatal("no token")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Sub string }
	if err := errors.Join(err, json.Unmarshal(raw, &claims)); err != nil || claims.Sub == "" {
		t.Fatal(err)
	}
	return claims.Sub
}

// What an operator does about somebody at one node holds at the other within moments, open sockets included, until it is undone, and is told in events
// without any name.
func TestResponses(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		iris := addUser(t, s.cli(), "iris", "user")
		iris.TOTPSecret = enrol(t, s.a.Client(t).Login(t, iris))
		a := s.a.Client(t).Login(t, iris)
		b := a.On(t, s.b)
		id := subject(t, a)
		rooms := func(want int) {
			t.Helper()
			kit.Eventually(t, 30*time.Second, "/api/rooms", func() bool { return b.Call(t, "GET", "/api/rooms", nil).Status == want })
		}
		rooms(http.StatusOK)
		time.Sleep(time.Second) // tokens tell in whole seconds when a factor was given

		// A session gets no further until its person gives a second factor anew.
		factor := s.operate(t, 0, "response", "apply", "require_second_factor", "user:"+id, "--reason", "her session looks stolen", "--by", "op-1")
		rooms(http.StatusUnauthorized)
		if p := b.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized); !strings.Contains(p.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
			t.Error(p.Header)
		}
		again := s.a.Client(t).Login(t, iris)
		again.On(t, s.b).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
		s.operate(t, 0, "response", "undo", factor)
		rooms(http.StatusOK)
		s.operate(t, 1, "response", "undo", factor)

		// Sockets close, silent ones too.
		silent, other := b.Socket(t), s.as(t, "ursula").On(t, s.b).Socket(t)
		closing := s.operate(t, 0, "response", "apply", "close_sockets", "user:"+id)
		silent.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		if !other.Open() {
			t.Error("somebody else's socket is closed")
		}
		s.operate(t, 0, "response", "undo", closing)

		// An account is locked, and opened again.
		lock := s.operate(t, 0, "response", "apply", "lock_account", "user:"+id)
		rooms(http.StatusUnauthorized)
		s.operate(t, 1, "response", "apply", "lock_account", "user:"+id)
		s.operate(t, 0, "response", "undo", lock)
		s.b.Client(t).Login(t, iris)

		// Never this machine.
		s.operate(t, 1, "response", "apply", "ban", "client:127.0.0.9")

		var list struct {
			Responses []struct{ ID, Action, State, By, Reason string }
		}
		if err := json.Unmarshal([]byte(s.operate(t, 0, "response", "list", "--subject", "user:"+id, "--json")), &list); err != nil {
			t.Fatal(err)
		}
		var states []string
		for _, r := range list.Responses {
			states = append(states, r.Action+" "+r.State)
		}
		slices.Sort(states)
		if got := strings.Join(states, ", "); got != "close_sockets undone, lock_account failed, lock_account undone, require_second_factor undone" {
			t.Error(got)
		}
		told := map[string]int{}
		for _, e := range s.a.Events(t) {
			if e.Str("gateway.response.subject") == "user:"+id {
				told[e.Str("event.action")]++
				if e.Str("user.id") != id || e.Str("gateway.response.by") == "" || strings.Contains(e.Str("event.reason"), "stolen") {
					t.Error(e)
				}
			}
		}
		if told["response-applied"] != 3 || told["response-undone"] != 3 || told["response-failed"] != 1 {
			t.Error(told)
		}
	})
}
