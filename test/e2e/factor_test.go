package e2e

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// A session that was stolen before its owner had a second factor adds and removes none, on whatever gateway.
func TestPasswordAloneChangesNoFactor(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		greta := addUser(t, s.cli(), "greta", "user")
		stolen := s.a.Client(t).Login(t, greta)
		mine := s.a.Client(t).Login(t, greta)
		greta.TOTPSecret = enrol(t, mine)
		owner := s.b.Client(t).Login(t, greta)
		var list struct{ Factors []struct{ ID string } }
		owner.Call(t, "GET", "/auth/api/account/factors", nil).Want(t, http.StatusOK).JSON(t, &list)
		if len(list.Factors) != 1 {
			t.Fatalf("%d factors", len(list.Factors))
		}
		for _, call := range []string{
			"POST /auth/api/account/totp", "POST /auth/api/account/webauthn/begin", "POST /auth/api/account/recovery-codes",
			"DELETE /auth/api/account/factors/" + list.Factors[0].ID,
		} {
			method, path, _ := strings.Cut(call, " ")
			for _, c := range []*kit.Client{stolen, stolen.On(t, s.b)} {
				a := c.Call(t, method, path, map[string]string{}).Problem(t, http.StatusUnauthorized)
				challenge := a.Header.Get("WWW-Authenticate")
				if !strings.Contains(challenge, `error="insufficient_user_authentication"`) || !strings.Contains(challenge, `acr_values="aal2"`) || !strings.Contains(challenge, `max_age="600"`) {
					t.Errorf("%s: %q", call, challenge)
				}
			}
		}
		owner.Call(t, "GET", "/auth/api/account/factors", nil).Want(t, http.StatusOK).JSON(t, &list)
		if len(list.Factors) != 1 {
			t.Fatal("it is gone all the same")
		}
	})
}

// A recovery code takes its owner in once, whichever gateways are asked at the same moment.
func TestRecoveryCodeWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		hanna := addUser(t, s.cli(), "hanna", "user")
		hanna.TOTPSecret = enrol(t, s.a.Client(t).Login(t, hanna))
		var set struct{ Codes []string }
		s.b.Client(t).Login(t, hanna).Call(t, "POST", "/auth/api/account/recovery-codes", nil).Want(t, http.StatusOK).JSON(t, &set)
		if len(set.Codes) != 10 {
			t.Fatalf("%d codes", len(set.Codes))
		}
		kit.Secret(set.Codes...)
		type try struct {
			c     *kit.Client
			token string
		}
		var tries []try
		for i := range 6 {
			n := s.nodes()[i%len(s.nodes())]
			c := n.Client(t)
			var l struct {
				Token   string `json:"mfa_token"`
				Factors []string
			}
			c.Call(t, "POST", "/auth/api/login", map[string]string{"username": hanna.Username, "password": hanna.Password, "delivery": "body"}).Want(t, http.StatusOK).JSON(t, &l)
			if strings.Join(l.Factors, " ") != "totp recovery" {
				t.Fatalf("factors: %q", l.Factors)
			}
			kit.Secret(l.Token)
			tries = append(tries, try{c, l.Token})
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for _, x := range tries {
			wg.Go(func() {
				a, err := x.c.Try("POST", "/auth/api/mfa/recovery", map[string]string{"mfa_token": x.token, "code": set.Codes[0], "delivery": "body"})
				switch {
				case err != nil:
					t.Error(err)
				case a.Status == http.StatusOK:
					won.Add(1)
				case a.Status != http.StatusUnauthorized:
					t.Errorf("status %d", a.Status)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("one recovery code signed in %d times", won.Load())
		}
	})
}
