package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// atOnce is what "within a second" is for a test: the second, and what a busy machine takes.
const atOnce = 1500 * time.Millisecond

func TestLogoutEndsTheSessionEverywhere(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		a := s.a.Client(t).Login(t, s.users["ursula"])
		b := a.On(t, s.b)
		b.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK) // so that b remembers the token
		onA, onB := a.Socket(t).Join(t, "general"), b.Socket(t).Join(t, "general")
		silent := b.Socket(t)
		other := s.b.Client(t).Login(t, s.users["ursula"]) // another session of hers stays
		stays := other.Socket(t).Join(t, "general")

		a.Logout(t)
		for _, sock := range []*kit.Socket{onA, onB, silent} {
			sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		}
		a.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
		b.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
		for _, c := range []*kit.Client{a, b} {
			c.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": c.Refresh, "delivery": "body"}, kit.Bare()).Problem(t, http.StatusUnauthorized)
		}
		if !stays.Open() {
			t.Error("the logout of one session closed the socket of another")
		}
		other.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
	})
}

func TestRefresh(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		t.Parallel() // it waits for the window in which parallel tabs get the same successor
		c := s.a.Client(t).Login(t, s.users["petra"])
		first := c.Refresh
		sock := c.On(t, s.b).Socket(t).Join(t, "general")
		c.Renew(t)
		second := c.Refresh
		if second == first {
			t.Fatal("the refresh token is not rotated")
		}
		if !sock.Open() {
			t.Error("a renewal closes the socket")
		}
		tab := c.On(t, s.b)
		tab.Refresh = first
		tab.Renew(t)
		if tab.Refresh != second {
			t.Error("a second tab gets another successor")
		}
		c.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)

		time.Sleep(11 * time.Second)
		thief := s.b.Client(t)
		thief.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": first, "delivery": "body"}).Problem(t, http.StatusUnauthorized)
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		c.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": second, "delivery": "body"}, kit.Bare()).Problem(t, http.StatusUnauthorized)
		c.On(t, s.b).Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
		// The other node hears of it within the second.
		refused := func() bool { return c.Call(t, "GET", "/api/rooms", nil).Status == http.StatusUnauthorized }
		for end := time.Now().Add(atOnce); !refused(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the access token of the ended family still counts after %v", atOnce)
			}
		}
	})
}

// The operator's commands work on what runs.
func TestUserCommands(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		u := addUser(t, s.cli(), "carla", "user")
		user := func(stdin string, args ...string) string { return s.cli().run(t, stdin, args...) }
		a := s.a.Client(t).Login(t, u)
		b := a.On(t, s.b)
		if out := user("", "list"); !strings.Contains(out, "carla") || !strings.Contains(out, "petra") {
			t.Errorf("user list: %s", out)
		}

		m := s.as(t, "ursula").Post(t, "general", "deleted by the new moderator")
		sock := b.Socket(t).Join(t, "general")
		user("", "role", "carla", "moderator")
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		kit.Eventually(t, atOnce, "the session with the old role ends", func() bool {
			return b.Call(t, "GET", "/api/rooms", nil).Status == http.StatusUnauthorized
		})
		a.Login(t, u)
		a.Call(t, "DELETE", kit.RoomPath("general", "messages", m.ID), nil).Want(t, http.StatusNoContent)

		b = a.On(t, s.b)
		sock = b.Socket(t).Join(t, "general")
		next := kit.User{Username: "carla", Password: "another long pass phrase 4711"}
		kit.Secret(next.Password)
		user(next.Password+"\n", "passwd", "carla")
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		c := s.b.Client(t)
		c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "carla", "password": u.Password}).Problem(t, http.StatusUnauthorized)
		a.Login(t, next)

		b = a.On(t, s.b)
		sock = b.Socket(t).Join(t, "general")
		user("", "disable", "carla")
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		kit.Eventually(t, atOnce, "the disabled person is out", func() bool {
			return b.Call(t, "GET", "/api/rooms", nil).Status == http.StatusUnauthorized
		})
		c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "carla", "password": next.Password}).Problem(t, http.StatusUnauthorized)
		b.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": b.Refresh, "delivery": "body"}, kit.Bare()).Problem(t, http.StatusUnauthorized)
	})
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		u := addUser(t, s.cli(), "dora", "user")
		here, there := s.a.Client(t).Login(t, u), s.b.Client(t).Login(t, u)
		sock := there.Socket(t).Join(t, "general")
		change := func(old, new string) *kit.Answer {
			return here.Call(t, "POST", "/auth/api/account/password", map[string]string{"old": old, "new": new})
		}
		const next = "violet tractor 93 marmalade"
		kit.Secret(next)
		if a := change("not her password", next); a.Status/100 != 4 {
			t.Errorf("a change with the wrong old password answers %d", a.Status)
		}
		change(u.Password, "password123").Problem(t, http.StatusUnprocessableEntity)
		change(u.Password, next).OK(t)
		sock.WantClosed(t, websocket.StatusPolicyViolation, atOnce)
		there.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
		here.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
		s.b.Client(t).Login(t, kit.User{Username: "dora", Password: next})
	})
}
