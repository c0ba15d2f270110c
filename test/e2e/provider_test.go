package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// A gateway with the whole path, where people may sign in by a provider. corp makes accounts, closed makes none, and trusting links any account that has the address.
const providerCaddyfile = `{
	admin unix//{$GW_DATA}/admin.sock
	storage file_system {$GW_DATA}/caddy
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind 127.0.0.1
	grace_period 5s
	gateway {
		data_dir {$GW_DATA}
		identity {
			provider corp {
				name "Corp SSO"
				issuer {$IDP}
				client_id gateway
				client_secret {env.IDP_SECRET}
				create user
			}
			provider closed {
				issuer {$IDP}
				client_id public
				algorithms RS256
			}
			provider trusting {
				issuer {$IDP}
				client_id gateway
				client_secret {env.IDP_SECRET}
				link verified_mail any
			}
		}
	}
}
https://localhost:{$GW_PORT} {
	tls internal
	gw_secure {
		authorize {
			audience test
		}
	}
	respond "home"
}
`

type providerSite struct {
	node *kit.Node
	idp  *kit.Provider
	cli  cli
}

func startProviderSite(t kit.T) *providerSite {
	addr, idpAddr := kit.FreeAddr(t), kit.FreeAddr(t)
	port := addr[strings.LastIndex(addr, ":")+1:]
	var redirects []string
	for _, id := range []string{"corp", "closed", "trusting"} {
		redirects = append(redirects, "https://localhost:"+port+"/auth/oidc/"+id+"/callback")
	}
	s := &providerSite{idp: kit.StartProvider(t, idpAddr, redirects...)}
	s.node = kit.Gateway(t, kit.Options{Name: "federated", Caddyfile: providerCaddyfile, Addr: addr, Env: []string{"IDP=" + s.idp.URL, "IDP_SECRET=" + s.idp.Secret}})
	s.cli = cli{s.node, []string{"--config", s.node.Config}}
	return s
}

// begin goes to the provider, as a click on the login page does.
func (s *providerSite) begin(t *testing.T, c *kit.Client, provider string) string {
	t.Helper()
	return c.Call(t, "GET", "/auth/oidc/"+provider+"/start?return_to=/rooms", nil, kit.With("Sec-Fetch-Site", "same-origin")).Want(t, http.StatusSeeOther).Header.Get("Location")
}

// end comes back from it and returns where the gateway sends the browser.
func (s *providerSite) end(t *testing.T, c *kit.Client, back *url.URL) string {
	t.Helper()
	return c.Call(t, "GET", back.RequestURI(), nil, kit.With("Sec-Fetch-Site", "cross-site")).Want(t, http.StatusSeeOther).Header.Get("Location")
}

func (s *providerSite) signIn(t *testing.T, provider, login string) (*kit.Client, string) {
	t.Helper()
	c := s.node.Client(t).Browserlike(t)
	return c, s.end(t, c, s.idp.SignIn(t, kit.ProviderBrowser(t), s.begin(t, c, provider), login))
}

func (s *providerSite) who(t *testing.T, c *kit.Client) string {
	t.Helper()
	a := c.Call(t, "GET", "/auth/api/session", nil)
	if a.Status != http.StatusOK {
		return ""
	}
	var out struct{ Username string }
	a.JSON(t, &out)
	return out.Username
}

func TestLoginByAProvider(t *testing.T) {
	s := startProviderSite(t)

	t.Run("a new person", func(t *testing.T) {
		c, to := s.signIn(t, "corp", "grace")
		if to != "/rooms" || s.who(t, c) != "grace" {
			t.Fatalf("sent to %q, is %q", to, s.who(t, c))
		}
		var p map[string]any
		c.Call(t, "GET", "/auth/api/account", nil).Want(t, http.StatusOK).JSON(t, &p)
		if p["email"] != "grace@corp.example" || p["email_verified"] != true || p["display_name"] != "grace of Corp" {
			t.Errorf("%v", p)
		}
		again, _ := s.signIn(t, "corp", "grace")
		if s.who(t, again) != "grace" {
			t.Error("another account the second time")
		}
		elsewhere, to := s.signIn(t, "closed", "grace") // the same issuer, by a public client and RS256
		if to != "/rooms" || s.who(t, elsewhere) != "grace" {
			t.Errorf("sent to %q", to)
		}
	})
	t.Run("who has no account", func(t *testing.T) {
		c, to := s.signIn(t, "closed", "nobody")
		if to != "/auth/login?return_to=%2Frooms#error=no-account" || s.who(t, c) != "" {
			t.Errorf("sent to %q", to)
		}
	})

	// An operator makes an account, and vouches for its address.
	operator := addUser(t, s.cli, "ada", "admin")
	operator.TOTPSecret = enrol(t, s.node.Client(t).Login(t, operator))
	var made struct{ Password string }
	s.node.Client(t).Login(t, operator).Call(t, "POST", "/auth/api/admin/accounts", map[string]string{"username": "victim", "email": "victim@corp.example", "roles": "user"}).
		Want(t, http.StatusOK).JSON(t, &made)
	victim := kit.User{Username: "victim", Password: made.Password}
	kit.Secret(victim.Password)

	t.Run("nobody takes an account by its address", func(t *testing.T) {
		c, to := s.signIn(t, "corp", "eve@victim")
		if to != "/auth/login?return_to=%2Frooms#error=link-first" || s.who(t, c) != "" {
			t.Errorf("verified there: sent to %q", to)
		}
		c, to = s.signIn(t, "trusting", "eve@victim+unverified")
		if to != "/auth/login?return_to=%2Frooms#error=no-account" || s.who(t, c) != "" {
			t.Errorf("not verified there, though the operator trusts it: sent to %q", to)
		}
	})
	t.Run("linked while signed in", func(t *testing.T) {
		c := s.node.Client(t).Browserlike(t)
		c.Call(t, "POST", "/auth/api/login", map[string]string{"username": "victim", "password": victim.Password}).Want(t, http.StatusOK)
		var out struct{ URL string }
		body := map[string]string{"provider": "corp", "return_to": "/auth/account/security"}
		c.Call(t, "POST", "/auth/api/account/links", body, kit.With("Sec-Fetch-Site", "cross-site"), kit.With("Origin", "https://evil.example")).Want(t, http.StatusForbidden)
		c.Call(t, "POST", "/auth/api/account/links", body).Want(t, http.StatusOK).JSON(t, &out)
		back := s.idp.SignIn(t, kit.ProviderBrowser(t), out.URL, "victim")

		// In another session, be it of the same person, the answer links nothing.
		thief := s.node.Client(t).Browserlike(t)
		if to := s.end(t, thief, back); !strings.Contains(to, "error=provider-expired") {
			t.Errorf("without the cookie: sent to %q", to)
		}
		if to := s.end(t, c, back); to != "/auth/account/security#linked" {
			t.Fatalf("sent to %q", to)
		}
		if to := s.end(t, c, back); !strings.Contains(to, "error=") {
			t.Errorf("the answer again: sent to %q", to)
		}
		linked, to := s.signIn(t, "closed", "victim")
		if to != "/rooms" || s.who(t, linked) != "victim" {
			t.Errorf("by the link: sent to %q, is %q", to, s.who(t, linked))
		}
		var list struct{ Links []struct{ ID, Label string } }
		c.Call(t, "GET", "/auth/api/account/links", nil).Want(t, http.StatusOK).JSON(t, &list)
		if len(list.Links) != 1 || list.Links[0].Label != "victim@corp.example" {
			t.Fatalf("%+v", list)
		}
		c.Call(t, "DELETE", "/auth/api/account/links/"+list.Links[0].ID, nil).Want(t, http.StatusNoContent)
		if s.who(t, linked) != "" {
			t.Error("the session by the link goes on")
		}
		if _, to := s.signIn(t, "closed", "victim"); !strings.Contains(to, "error=link-first") {
			t.Errorf("after unlinking: sent to %q", to)
		}
	})
	t.Run("the second factor is still asked for", func(t *testing.T) {
		c := s.node.Client(t).Login(t, victim)
		secret := enrol(t, c)
		browser, to := s.signIn(t, "trusting", "victim")
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		said, err := url.ParseQuery(u.Fragment)
		if err != nil || u.Path != "/auth/login" || said.Get("status") != "mfa_required" || s.who(t, browser) != "" {
			t.Fatalf("sent to %q", to)
		}
		browser.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": said.Get("mfa_token"), "code": kit.Code(t, secret)}).Want(t, http.StatusOK)
		if s.who(t, browser) != "victim" {
			t.Error("not signed in")
		}
	})
	t.Run("answers that were tampered with", func(t *testing.T) {
		for name, change := range map[string]func(q url.Values){
			"another state": func(q url.Values) { q.Set("state", "AAAAAAAAAAAAAAAAAAAAAAAAAA") },
			"another code":  func(q url.Values) { q.Set("code", "AAAA") },
			"another iss":   func(q url.Values) { q.Set("iss", "https://evil.example") },
			"no iss":        func(q url.Values) { q.Del("iss") },
			"two codes":     func(q url.Values) { q.Add("code", "x") },
		} {
			c := s.node.Client(t).Browserlike(t)
			back := s.idp.SignIn(t, kit.ProviderBrowser(t), s.begin(t, c, "corp"), "grace")
			q := back.Query()
			change(q)
			back.RawQuery = q.Encode()
			if to := s.end(t, c, back); !strings.Contains(to, "#error=provider-") || s.who(t, c) != "" {
				t.Errorf("%s: sent to %q", name, to)
			}
		}
		// The answer that one browser got is of no use in another, which has begun a login of its own.
		mallory, ursula := s.node.Client(t).Browserlike(t), s.node.Client(t).Browserlike(t)
		back := s.idp.SignIn(t, kit.ProviderBrowser(t), s.begin(t, mallory, "corp"), "mallory")
		s.begin(t, ursula, "corp")
		if to := s.end(t, ursula, back); !strings.Contains(to, "#error=provider-expired") || s.who(t, ursula) != "" {
			t.Errorf("login CSRF: sent to %q", to)
		}
		if to := s.end(t, ursula, &url.URL{Path: strings.Replace(back.Path, "/corp/", "/closed/", 1), RawQuery: back.RawQuery}); !strings.Contains(to, "#error=provider-") {
			t.Errorf("mix-up: sent to %q", to)
		}
		c := s.node.Client(t).Browserlike(t)
		a := c.Call(t, "GET", "/auth/oidc/corp/start?return_to=/rooms", nil, kit.With("Sec-Fetch-Site", "cross-site")).Want(t, http.StatusSeeOther)
		if to := a.Header.Get("Location"); to != "/auth/login?return_to=%2Frooms" {
			t.Errorf("begun by another site: sent to %q", to)
		}
	})
	t.Run("events tell no address", func(t *testing.T) {
		seen := map[string]int{}
		for _, e := range s.node.Events(t) {
			seen[e.Str("event.action")]++
			if text := fmt.Sprint(e); strings.Contains(text, "corp.example") || strings.Contains(text, "code=") || strings.Contains(text, "state=") {
				t.Errorf("%v", e)
			}
		}
		for _, action := range []string{"account-created", "link-added", "link-removed", "provider-refused", "login"} {
			if seen[action] == 0 {
				t.Errorf("%s is not recorded", action)
			}
		}
	})
	t.Run("the provider is down", func(t *testing.T) {
		c := s.node.Client(t).Browserlike(t)
		back := s.idp.SignIn(t, kit.ProviderBrowser(t), s.begin(t, c, "corp"), "grace")
		s.idp.Process.Stop(t)
		if to := s.end(t, c, back); to != "/auth/login?return_to=%2Frooms#error=provider-unavailable" || s.who(t, c) != "" {
			t.Errorf("sent to %q", to)
		}
		s.node.Client(t).Login(t, addUser(t, s.cli, "local", "user")) // needs no provider
	})
}
