package portal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

func TestProvidersInABrowser(t *testing.T) {
	port := freePort(t)
	idp := kit.StartProvider(t, "", "https://localhost:"+port+"/auth/oidc/corp/callback")
	s := startOn(t, port, fmt.Sprintf(`identity {
			provider corp {
				name "Corp <b>SSO</b>"
				issuer %s
				client_id gateway
				client_secret %s
				create user
			}
		}`, idp.URL, idp.Secret), "")
	b := kit.StartBrowser(t)
	p := b.Tab(t, "provider", kit.Desktop)
	p.Go(s.url + "/auth/login?return_to=/auth/account/security")
	p.Until("the page", `document.querySelector("[data-provider]")?.textContent.trim() === "Continue with Corp <b>SSO</b>"`)
	inspect(p, "login")
	p.Click("[data-provider]")
	p.Until("the provider", `location.port !== "`+port+`" && document.querySelector("[name=login]")`)
	p.ClickText("Cancel")
	p.Until("back, and why", `document.querySelector("#password-error")?.textContent === "You did not allow the login there." && location.hash === ""`)
	inspect(p, "denied")

	p.Click("[data-provider]")
	atProvider(p, port, "ada")
	p.Until("in", `location.pathname === "/auth/account/security" && document.querySelector("#link-list .what")`)
	p.Shows("Corp <b>SSO</b>")
	inspect(p, "linked")

	// Somebody with a password links their own.
	u := b.Tab(t, "ursula", kit.Desktop)
	s.signIn(t, u, "ursula", "/auth/account/security")
	u.Until("none", `document.querySelector("#link-list .empty") && !document.querySelector("[data-link]").hidden`)
	u.Click("[data-link]")
	atProvider(u, port, "ursula")
	u.Shows("The login is linked.")
	u.Until("it in the list", `location.hash === "" && document.querySelector("#link-list .what") && document.querySelector("[data-link]").hidden`)
	u.Click("#link-list [data-do=unlink]")
	u.Click("#ask-yes")
	u.Shows("no longer linked")
	u.Quiet("favicon", "fonts.googleapis")
	p.Quiet("favicon", "fonts.googleapis") // of the provider
}

// atProvider signs in there, and lets it tell.
func atProvider(p *kit.Tab, port, name string) {
	for _, step := range []string{"[name=login]", "[name=prompt][value=consent]"} {
		p.Until("the provider's "+step, `location.port !== "`+port+`" && document.querySelector("`+step+`")`)
		if strings.Contains(step, "login") {
			p.Type("[name=login]", name)
			p.Type("[name=password]", "x")
		}
		p.Click("[type=submit]")
	}
}

// A link can't have its reader end a login that somebody else began, nor say anything on our pages: what stands behind the # counts only in a tab
// that went to a provider.
func TestForgedAnswersOfProviders(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "forged", kit.Desktop)
	for _, fragment := range []string{
		"status=enrol_required&mfa_token=ATTACKERS&factors=totp,webauthn", "status=mfa_required&mfa_token=ATTACKERS&factors=totp", "status=ok",
		"error=provider-denied", "error=%3Cimg%20src=x%20onerror=alert(1)%3E", "error=link-first",
	} {
		p.Go("about:blank")
		p.Go(s.url + "/auth/login#" + fragment)
		p.Until("the page", `document.querySelector("#password-form [type=submit]")?.disabled === false && location.hash === ""`)
		if !ask[bool](t, p, `document.querySelector("[data-step=password]").checkVisibility() && document.querySelector("#password-error").textContent === ""`) {
			t.Errorf("#%s is taken", fragment)
		}
	}
	p.Quiet()
}
