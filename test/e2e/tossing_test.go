package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// signedIn is what a browser holds after a login.
type signedIn struct{ access, refresh, session string }

func cookiesOf(t *testing.T, a *kit.Answer) (s signedIn) {
	t.Helper()
	for _, line := range a.Header.Values("Set-Cookie") {
		k, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if k.Name == "__Host-gw_session" { // the session's id, which events name
			s.session = k.Value
			continue
		}
		kit.Secret(k.Value)
		switch k.Name {
		case "__Host-gw_access":
			s.access = k.Value
		case "__Secure-gw_refresh":
			s.refresh = k.Value
		}
	}
	return s
}

func (s *site) browse(t *testing.T, c *kit.Client, u kit.User, cookie string) signedIn {
	t.Helper()
	a := c.Call(t, "POST", "/auth/api/login", map[string]string{"username": u.Username, "password": u.Password}, kit.With("Cookie", cookie), kit.With("Origin", s.a.URL)).Want(t, http.StatusOK)
	return cookiesOf(t, a)
}

// who tells whose session the cookie header is; "" is nobody's.
func who(t *testing.T, c *kit.Client, header func(*http.Request)) string {
	t.Helper()
	a := c.Call(t, "GET", "/auth/api/session", nil, header)
	var me struct{ Username string }
	if a.Status == http.StatusOK {
		a.JSON(t, &me)
	}
	return me.Username
}

// A neighbouring host that plants cookies of its own beside the victim's makes nobody act as the attacker, in whatever order and spelling they
// arrive: two of a name are none, and other spellings are other names.
func TestPlantedCookies(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.a.Client(t)
		victim, attacker := s.browse(t, c, s.users["ursula"], ""), s.browse(t, c, s.users["petra"], "")
		mine, evil := "__Host-gw_access="+victim.access, "__Host-gw_access="+attacker.access
		for _, line := range []string{
			mine + "; " + evil, evil + "; " + mine, mine + ";" + evil, evil + ",; " + mine, mine + "; a=b; " + evil, mine + "; __Host-gw_access=", "__Host-gw_access=; " + evil,
			mine + "; __Host-gw_access =" + attacker.access, " __Host-gw_access\t=" + attacker.access + "; " + mine, mine + `; __Host-gw_access="` + attacker.access + `"`,
			`__Host-gw_access="` + attacker.access + `"`, evil + "; __Host-gw_access", `$Version=1; ` + mine + `; $Path=/; ` + evil,
			`a="; ` + evil + `; b="; ` + mine,
		} {
			if got := who(t, c, kit.With("Cookie", line)); got == "petra" {
				t.Errorf("the attacker's session is taken of %.60q", strings.NewReplacer(attacker.access, "EVIL", victim.access, "MINE").Replace(line))
			}
		}
		if got := who(t, c, func(r *http.Request) { r.Header["Cookie"] = []string{mine, evil} }); got == "petra" {
			t.Error("the attacker's session is taken of a second header")
		}
		// What is no cookie of ours changes nothing.
		for _, line := range []string{
			"__host-gw_access=" + attacker.access, "__HOST-GW_ACCESS=" + attacker.access, "__Secure-gw_access=" + attacker.access, "gw_access=" + attacker.access, "access_token=" + attacker.access,
			"=" + evil, "__Host-gw_access2=" + attacker.access, "x__Host-gw_access=" + attacker.access, "%5F%5FHost-gw_access=" + attacker.access, "Authorization=Bearer " + attacker.access,
		} {
			if got := who(t, c, kit.With("Cookie", line)); got != "" && line != "="+evil {
				t.Errorf("%s is signed in by %.30q", got, line)
			}
			if got := who(t, c, kit.With("Cookie", line+"; "+mine)); got == "petra" {
				t.Errorf("the attacker's session is taken of %.30q", line)
			}
		}
		// Refresh cookies, which a neighbour can plant: alone they sign nobody in, and beside the victim's own they change nothing.
		planted, own, session := "__Secure-gw_refresh="+attacker.refresh, "__Secure-gw_refresh="+victim.refresh, "; __Host-gw_session="+victim.session
		refresh := func(line string) *kit.Answer {
			return c.Call(t, "POST", "/auth/api/refresh", nil, kit.With("Cookie", line), kit.With("Origin", s.a.URL))
		}
		for _, line := range []string{planted, planted + session, planted + "; " + planted} {
			if a := refresh(line); a.Status != http.StatusUnauthorized {
				t.Errorf("planted refresh cookies: %d", a.Status)
			}
		}
		next := cookiesOf(t, refresh(planted+"; "+own+session).Want(t, http.StatusOK))
		if next.session != victim.session || who(t, c, kit.With("Cookie", "__Host-gw_access="+next.access)) != "ursula" {
			t.Error("a planted refresh cookie puts the victim into another session")
		}
		if got := who(t, c, kit.With("Cookie", mine)); got != "ursula" {
			t.Errorf("the victim's session is %q's afterwards", got)
		}
	})
}

// Who signs in with an attacker's cookies already planted gets a session of its own: the attacker's is not raised, and theirs is not shared.
func TestLoginOverPlantedCookies(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		c := s.a.Client(t)
		planted := s.browse(t, c, s.users["petra"], "")
		cookie := "__Host-gw_access=" + planted.access + "; __Secure-gw_refresh=" + planted.refresh + "; __Host-gw_session=" + planted.session + "; __Secure-gw_device=planted.device"
		victim := s.browse(t, c, s.users["ursula"], cookie)
		if victim.access == "" || victim.access == planted.access || victim.refresh == "" || victim.refresh == planted.refresh {
			t.Fatal("the login gives no session of its own")
		}
		if got := who(t, c, kit.With("Cookie", "__Host-gw_access="+planted.access)); got == "ursula" {
			t.Error("the attacker's token is the victim's")
		}
		if a := c.Call(t, "POST", "/auth/api/refresh", nil, kit.With("Cookie", "__Secure-gw_refresh="+planted.refresh+"; __Host-gw_session="+planted.session), kit.With("Origin", s.a.URL)); a.Status == http.StatusOK {
			next := cookiesOf(t, a)
			if got := who(t, c, kit.With("Cookie", "__Host-gw_access="+next.access)); got == "ursula" {
				t.Error("the attacker's session became the victim's")
			}
		}
		if got := who(t, c, kit.With("Cookie", "__Host-gw_access="+victim.access)); got != "ursula" {
			t.Errorf("the victim is %q", got)
		}
	})
}
