package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// atProvider signs in on the provider's own pages.
func (s *providerSite) atProvider(t *testing.T, p *kit.Tab, login string) {
	t.Helper()
	u, err := url.Parse(s.idp.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.Until("the provider", fmt.Sprintf(`location.host == %q && document.querySelector('input[name="login"]') != null`, u.Host))
	p.Type(`input[name="login"]`, login)
	p.Type(`input[name="password"]`, "x")
	p.Click(`form button[type="submit"]`)
	p.Until("the provider's question", fmt.Sprintf(`location.host != %q || document.querySelector('input[name="prompt"][value="consent"]') != null`, u.Host))
	p.Click(`form button[type="submit"]`)
}

// The buttons, the way through the provider's pages and back, the second factor, and the list of what is linked, in a real browser.
func TestLoginByAProviderInABrowser(t *testing.T) {
	s := startProviderSite(t)
	b := kit.StartBrowser(t)

	grace := b.Tab(t, "grace", kit.Desktop)
	grace.Go(s.node.URL + "/auth/login?return_to=/auth/account/security")
	grace.Shot("login-providers")
	grace.Click(`a[href^="/auth/oidc/corp/start"]`)
	s.atProvider(t, grace, "grace")
	grace.Until("the account", `location.pathname == "/auth/account/security"`)
	grace.Shows("grace@corp.example")
	grace.Shot("links")

	operator := addUser(t, s.cli, "ada", "admin")
	operator.TOTPSecret = enrol(t, s.node.Client(t).Login(t, operator))
	var made struct{ Password string }
	s.node.Client(t).Login(t, operator).Call(t, "POST", "/auth/api/admin/accounts", map[string]string{"username": "mona", "email": "mona@corp.example", "roles": "user"}).
		Want(t, http.StatusOK).JSON(t, &made)
	kit.Secret(made.Password)
	secret := enrol(t, s.node.Client(t).Login(t, kit.User{Username: "mona", Password: made.Password}))

	mona := b.Tab(t, "mona", kit.Phone)
	mona.Go(s.node.URL + "/auth/login?return_to=/auth/account")
	mona.Click(`a[href^="/auth/oidc/corp/start"]`)
	s.atProvider(t, mona, "mona")
	mona.Until("what to do", `location.pathname == "/auth/login" && document.querySelector("#password-error").textContent.length > 20`)
	mona.Shot("link-first")
	mona.Click(`a[href^="/auth/oidc/trusting/start"]`)
	mona.Until("the second factor", `location.pathname == "/auth/login" && location.hash == "" && [...document.querySelectorAll('input[name="code"]')].some(e => e.checkVisibility())`)
	mona.Shot("second-factor-after-provider")
	code := kit.Code(t, secret)
	kit.Secret(code)
	mona.Type(`input[name="code"]`, code)
	mona.Enter(`input[name="code"]`)
	mona.Until("the account", `location.pathname == "/auth/account"`)

	// Behind the # of a link that somebody else sent stands nothing that counts.
	eve := b.Tab(t, "eve", kit.Desktop)
	eve.Go(s.node.URL + "/auth/login#status=mfa_required&mfa_token=AAAAAAAAAAAAAAAAAAAAAAAAAA&factors=totp")
	eve.Until("the password", `document.querySelector('[data-step="password"]').checkVisibility() && location.hash == ""`)
}
