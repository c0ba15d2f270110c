package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// After logins right and wrong, with one factor and two, and what people do, Redis holds no secret, no token, no name and no address that could be read.
func TestRedisKnowsNobody(t *testing.T) {
	s := fleet
	u := addUser(t, s.cli(), "wilhelmina-nobody-knows", "user")
	first := s.a.Client(t)
	u.TOTPSecret = enrol(t, first.Login(t, u))
	c := s.b.Client(t)
	room := c.Login(t, u).NewRoom(t, "Known to nobody", "public")
	c.Socket(t).Join(t, room.ID)
	c.Post(t, room.ID, "said in confidence")
	wrong := s.b.Client(t)
	if got := wrong.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": "not it at all"}); got.Status != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", got.Status)
	}
	all := map[string]string{}
	s.values(t, all)
	for what, secret := range map[string]string{
		"the name": u.Username, "the password": u.Password, "the second factor": u.TOTPSecret, "the access token": c.Access, "the refresh token": c.Refresh,
		"the text of a message": "said in confidence", "where the wrong password came from": wrong.IP, "the room": room.ID,
	} {
		if secret == "" {
			t.Fatalf("%s is not known to the test itself", what)
		}
		for key, held := range all {
			if strings.Contains(held, secret) {
				t.Errorf("%s is in %q", what, key)
			}
		}
	}
}
