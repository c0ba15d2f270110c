package portal

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/mailtest"
	"github.com/convosphere/gateway/test/kit"
)

// mailSite is a site where everybody may register, with a mail server.
func mailSite(t *testing.T, mode string) (site, *mailtest.Server) {
	t.Helper()
	m, _ := mailtest.Start(t)
	s := startWith(t, fmt.Sprintf(`identity {
			public_url https://localhost:PORT
			registration %s
			mail {
				server smtp://%s
				from no-reply@acme.example
				ca %s
			}
		}`, mode, m.Addr, m.CA), "")
	return s, m
}

// mailLink waits for the nth mail and returns the link in it.
func mailLink(t *testing.T, s site, m *mailtest.Server, nth int) string {
	t.Helper()
	text := m.Wait(t, nth).Text
	found := regexp.MustCompile(`https://\S+`).FindString(text)
	if !strings.HasPrefix(found, s.url+"/auth/") {
		t.Fatalf("no link in %q", text)
	}
	return found
}

func TestRegistrationInABrowser(t *testing.T) {
	s, m := mailSite(t, "open")
	p := kit.StartBrowser(t).Tab(t, "register", kit.Desktop)
	p.Go(s.url + "/auth/login")
	p.ClickText("Create an account")
	p.Until("the form", `location.pathname === "/auth/register" && document.activeElement.id === "username"`)
	inspect(p, "form")
	fill(t, p, "#username", "nina")
	fill(t, p, "#email", "nina@example.org")
	fill(t, p, "#display", `Nina <script>alert(1)</script>`)
	fill(t, p, "#password", "short")
	ask[bool](t, p, `document.querySelector("#password").removeAttribute("minlength"), true`)
	p.Enter("#password")
	p.Until("why not", `document.querySelector("#register-error").textContent.includes("too short")`)
	fill(t, p, "#password", password)
	p.Enter("#password")
	p.Until("look into your mail", `document.querySelector("[data-step=confirm]").checkVisibility() && document.activeElement.tagName === "H1"`)
	inspect(p, "confirm")

	to := mailLink(t, s, m, 1)
	p.Go(to)
	p.Until("the password", `document.activeElement.id === "password" && location.hash === ""`)
	inspect(p, "verify")
	fill(t, p, "#password", "another-password-77")
	p.Enter("#password")
	p.Until("not theirs", `document.querySelector("#verify-error").textContent !== ""`)
	fill(t, p, "#password", password)
	p.Enter("#password")
	p.Until("open", `document.querySelector("[data-step=active]").checkVisibility()`)
	inspect(p, "active")
	p.Go("about:blank")
	p.Go(to)
	fill(t, p, "#password", password)
	p.Enter("#password")
	p.Until("the link is spent", `document.querySelector("[data-step=broken]").checkVisibility()`)
	inspect(p, "spent")

	// By the address, too.
	s.signIn(t, p, "nina@example.org", "/auth/account")
	p.Until("the account", `document.querySelector("#display")?.value === "Nina <script>alert(1)</script>"`)
	inspect(p, "account")
	fill(t, p, "#display", "Nina")
	p.Click("#profile-form [type=submit]")
	p.Shows("Your profile is saved.")

	// Another address, confirmed by who is signed in. Between the mail and the click the session may have ended.
	fill(t, p, "#email", "nina@example.com")
	p.Click("#mail-form [type=submit]")
	p.Shows("on its way to nina@example.com")
	to = mailLink(t, s, m, 2)
	p.Click("[data-sign-out]")
	p.Until("signed out", `location.pathname === "/auth/login"`)
	p.Go(to)
	p.Until("the login", `location.pathname === "/auth/login" && !location.href.includes("email.")`)
	fill(t, p, "#username", "nina")
	fill(t, p, "#password", password)
	p.Enter("#password")
	p.Shows("Your address is changed")
	inspect(p, "mail-changed")

	p.Go(s.url + "/auth/account")
	p.Click("#export")
	p.Shows("Your data is downloaded.")
	p.Click("#erase")
	p.Shows("nobody can bring it back")
	inspect(p, "erase")
	p.Click("#ask-yes")
	p.Until("gone", `location.pathname === "/auth/login"`)
	fill(t, p, "#username", "nina")
	fill(t, p, "#password", password)
	p.Enter("#password")
	p.Until("nobody", `document.querySelector("#password-error").textContent !== ""`)
	p.Quiet("401", "410", "422")
}

func TestResetInABrowser(t *testing.T) {
	s, m := mailSite(t, "open")
	b := kit.StartBrowser(t)
	p := b.Tab(t, "reset", kit.Desktop)
	if r := s.call(t, browser(t), "POST", "/auth/api/register", map[string]string{"username": "rita", "email": "rita@example.org", "password": password}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	_, secret, _ := strings.Cut(mailLink(t, s, m, 1), "#")
	if r := s.call(t, browser(t), "POST", "/auth/api/register/confirm", map[string]string{"token": secret, "password": password}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	p.Go(s.url + "/auth/login")
	p.ClickText("Forgot your password?")
	fill(t, p, "#email", "rita@example.org")
	inspect(p, "ask")
	p.Enter("#email")
	p.Until("sent", `document.querySelector("[data-step=sent]").checkVisibility()`)
	inspect(p, "sent")
	p.Go(mailLink(t, s, m, 2))
	p.Until("the new one", `document.activeElement.id === "password" && location.hash === ""`)
	inspect(p, "set")
	fill(t, p, "#password", "quartz-violin-harbor-77")
	p.Enter("#password")
	p.Until("done", `document.querySelector("[data-step=done]").checkVisibility()`)
	inspect(p, "done")
	p.ClickText("Sign in")
	fill(t, p, "#username", "rita")
	fill(t, p, "#password", "quartz-violin-harbor-77")
	p.Enter("#password")
	p.Until("in", `location.pathname === "/"`)
	p.Quiet()
}

func TestOperatorInABrowser(t *testing.T) {
	s, m := mailSite(t, "approval")
	b := kit.StartBrowser(t)
	p := b.Tab(t, "operator", kit.Desktop)
	if r := s.call(t, browser(t), "POST", "/auth/api/register", map[string]string{"username": "nina", "email": "nina@example.org", "password": password, "display_name": "Nina <b>"}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	_, secret, _ := strings.Cut(mailLink(t, s, m, 1), "#")
	if r := s.call(t, browser(t), "POST", "/auth/api/register/confirm", map[string]string{"token": secret, "password": password}); r.StatusCode != 200 || r.body["status"] != "approval" {
		t.Fatal(r.raw)
	}

	// Who has no second factor is told to set one up; who is no operator is not offered the pages.
	s.signIn(t, p, "otto", "/auth/admin")
	p.Until("a factor is asked for", `location.pathname === "/auth/mfa"`)
	p.Shows("your account has none yet")
	inspect(p, "no-factor")
	p.ClickText("Set one up")
	p.Until("the page", `document.querySelector("#factor-list .empty")`)
	p.Click("#add-totp")
	p.Until("the QR code", `document.querySelector("#totp-dialog [data-qr]").naturalWidth > 100`)
	key := strings.ReplaceAll(ask[string](t, p, `document.querySelector("#totp-dialog [data-secret]").textContent`), " ", "")
	fill(t, p, "#confirm-code", code(t, key, time.Now()))
	p.Enter("#confirm-code")
	p.Until("recovery codes", `document.querySelector("#codes-dialog").open`)
	p.Click("#codes-dialog [data-close]")
	p.ClickText("People")
	p.Until("everybody", `document.querySelectorAll("#people-list .what").length === 4`)
	inspect(p, "people")

	p.Click("#people-list [data-do=approve]")
	p.Shows("nina is approved.")
	fill(t, p, "#q", "nina")
	p.Enter("#q")
	p.Until("one, and the address says so", `document.querySelectorAll("#people-list .what").length === 1 && location.search === "?q=nina"`)
	p.Click("#people-list [data-to]")
	p.Until("her account", `document.querySelector("#who-title").textContent === "nina" && document.querySelector("#facts [data-f=display_name]").textContent === "Nina <b>"`)
	inspect(p, "person")
	p.Click("[data-act=roles]")
	fill(t, p, "#ask-input", "user moderator")
	p.Click("#ask-yes")
	p.Shows("The roles of nina are changed.")
	p.Click("[data-act=disable]")
	inspect(p, "disable")
	p.Click("#ask-yes")
	p.Shows("nina is disabled.")
	p.Click("[data-act=enable]")
	p.Click("#ask-yes")
	p.Shows("nina is enabled.")
	for _, act := range []string{"unlock", "end-sessions", "reset-factors"} {
		p.Click("[data-act=" + act + "]")
		p.Click("#ask-yes")
		p.Until("done: "+act, `!document.querySelector("#ask").open`)
	}
	p.Click("[data-act=erase]")
	p.Click("#ask-yes")
	p.Until("the list", `location.pathname === "/auth/admin" && document.querySelectorAll("#people-list .what").length === 3`)

	p.Click("#create")
	fill(t, p, "#new-name", "karl")
	fill(t, p, "#new-mail", "karl@example.org")
	inspect(p, "create")
	p.Enter("#new-name")
	p.Until("a password, once", `document.querySelector("#made-dialog").open && document.querySelector("#made-dialog [data-once]").textContent.length > 9`)
	first := ask[string](t, p, `document.querySelector("#made-dialog [data-once]").textContent`)
	p.Click("#made-dialog [data-close]")
	p.Shows("The account of karl is created.")
	karl := b.Tab(t, "karl", kit.Desktop)
	karl.Go(s.url + "/auth/login?return_to=/auth/account")
	fill(t, karl, "#username", "karl")
	fill(t, karl, "#password", first)
	karl.Enter("#password")
	karl.Until("the account, and no operator's pages", `location.pathname === "/auth/account" && document.querySelector("[data-sign-out]") && !document.querySelector(".sections [href^='/auth/admin']")`)
	karl.Go(s.url + "/auth/admin")
	karl.Shows("Forbidden")

	p.ClickText("Invitations")
	p.Click("#invite")
	inspect(p, "invite")
	p.Click("#invite-form [type=submit]")
	p.Until("the link, once", `document.querySelector("#link-dialog").open && document.querySelector("#link-dialog [data-once]").textContent.includes("/auth/invite#")`)
	inspect(p, "invitation")
	invited := ask[string](t, p, `document.querySelector("#link-dialog [data-once]").textContent`)
	p.Click("#link-dialog [data-close]")
	p.Until("in the list", `document.querySelector("#invitation-list .what")`)
	inspect(p, "invitations")
	karl.Go(invited)
	karl.Until("the form", `document.activeElement.id === "username" && location.hash === ""`)
	karl.Shows("You are invited")
	p.Click("#invitation-list [data-do=revoke]")
	p.Click("#ask-yes")
	p.Until("none", `document.querySelector("#invitation-list .empty")`)
	fill(t, karl, "#username", "late")
	fill(t, karl, "#email", "late@example.org")
	fill(t, karl, "#password", password)
	karl.Enter("#password")
	karl.Until("it is revoked", `document.querySelector("#register-error").textContent.includes("no longer works")`)
	p.Quiet("401")
}
