package portal

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/convosphere/gateway/test/kit"
)

// These tests use the pages as a person does, in a real Chromium.

func ask[V any](t *testing.T, p *kit.Tab, expression string) V {
	t.Helper()
	v, err := kit.Eval[V](p, expression)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fill types text in place of what the field holds.
func fill(t *testing.T, p *kit.Tab, selector, text string) {
	t.Helper()
	p.Do("waiting for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	ask[string](t, p, fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	p.Do("typing into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// inspect holds the page to the width of each size and to what keeps people from using it, light and dark, and takes pictures where GATEWAY_SCREENSHOTS is set.
func inspect(p *kit.Tab, name string) {
	for _, s := range []struct {
		name string
		size kit.Size
	}{{"phone", kit.Size{Width: 390, Height: 844}}, {"desktop", kit.Size{Width: 1280, Height: 800}}, {"tiny", kit.Size{Width: 320, Height: 568}}} {
		p.Resize(s.size)
		p.NoOverflow(name + "-" + s.name)
		p.Shot(name + "-" + s.name)
		if s.name == "phone" {
			p.Accessible(name)
		}
		p.Dark(true)
		p.Shot(name + "-" + s.name + "-dark")
		if s.name == "desktop" {
			p.Accessible(name + ", dark")
		}
		p.Dark(false)
	}
	p.Resize(kit.Desktop)
}

// expire takes the access cookie away, as its age does.
func (s site) expire(p *kit.Tab) {
	p.Do("expiring the access token", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.DeleteCookies, network.DeleteCookiesParams{Name: accessCookie, URL: s.url})
		return err
	}))
}

func TestLoginInABrowser(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "portal", kit.Desktop)
	p.Go(s.url + "/auth/login?return_to=" + url.QueryEscape("/hello?a=b"))
	p.Until("focus on the name", `document.activeElement.id === "username"`)
	inspect(p, "login")

	fill(t, p, "#username", "mona")
	fill(t, p, "#password", "not her password")
	p.Click("#password-form [type=submit]")
	p.Shows("is wrong")
	p.Until("focus on the wrong field", `document.activeElement.id === "password" && document.activeElement.getAttribute("aria-invalid") === "true"`)
	inspect(p, "login-wrong")

	p.Click("#password-form .reveal")
	if got := ask[string](t, p, `document.querySelector("#password").type`); got != "text" {
		t.Errorf("the password is not shown: %s", got)
	}
	fill(t, p, "#password", password)
	p.Click("#password-form [type=submit]")
	p.Until("focus on the code", `document.activeElement.id === "login-code"`)
	if got := ask[string](t, p, `document.title`); !strings.HasPrefix(got, "One more step") {
		t.Errorf("title %q", got)
	}
	inspect(p, "code")
	fill(t, p, "#login-code", "000 000")
	p.Click("#login-form [type=submit]")
	p.Until("a message, focus on the code", `document.querySelector("#login-code-error").textContent !== "" && document.activeElement.id === "login-code"`)
	inspect(p, "code-wrong")
	now := code(t, s.secret, time.Now())
	fill(t, p, "#login-code", now[:3]+" "+now[3:])
	p.Enter("#login-code")
	p.Until("the page that was asked for", `location.pathname + location.search === "/hello?a=b"`)
	if got := ask[string](t, p, `document.cookie + location.href`); strings.Contains(got, "gw_") {
		t.Errorf("scripts see %s", got)
	}

	// The access token is gone, the session is not: back in without a word.
	s.expire(p)
	p.Go(s.url + "/auth/login?return_to=/again")
	p.Until("the page after it", `location.pathname === "/again"`)

	// Who is signed in already is not sent in circles.
	p.Go(s.url + "/auth/login?return_to=/again")
	p.Shows("You are signed in")
	inspect(p, "signed-in")
	p.Click("[data-sign-out]")
	p.Until("the login page", `location.pathname === "/auth/login" && document.activeElement.id === "username"`)
	p.Go(s.url + "/auth/account")
	p.Until("the login page, and the way back", `location.pathname === "/auth/login" && location.search === "?return_to=%2Fauth%2Faccount"`)
	p.Quiet("401") // which the browser notes itself
}

func (s site) signIn(t *testing.T, p *kit.Tab, name, path string) {
	t.Helper()
	p.Go(s.url + path)
	p.Until("the login page", `location.pathname === "/auth/login"`)
	fill(t, p, "#username", name)
	fill(t, p, "#password", password)
	p.Enter("#password")
}

func TestSecurityInABrowser(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "portal", kit.Desktop)
	s.signIn(t, p, "ursula", "/auth/account/security")
	p.Until("the account", `location.pathname === "/auth/account/security" && document.querySelector("#factor-list .empty")`)
	inspect(p, "security")

	p.Click("#add-totp")
	p.Until("the QR code", `document.querySelector("#totp-dialog [data-qr]").naturalWidth > 100 && document.activeElement.id === "totp-title"`)
	inspect(p, "enrol")
	secret := strings.ReplaceAll(ask[string](t, p, `document.querySelector("#totp-dialog [data-secret]").textContent`), " ", "")
	now := time.Now()
	fill(t, p, "#confirm-code", "000000")
	p.Enter("#confirm-code")
	p.Until("why not", `document.querySelector("#confirm-code-error").textContent !== ""`)
	fill(t, p, "#confirm-code", code(t, secret, now))
	p.Click("#confirm-form [type=submit]")
	p.Until("recovery codes", `document.querySelectorAll("#codes-dialog[open] [data-codes] code").length === 10`)
	inspect(p, "codes")
	recovery := ask[string](t, p, `document.querySelector("#codes-dialog [data-codes] code").textContent`)
	p.Click("#codes-dialog [data-close]")
	p.Until("the list, and no codes left on the page", `document.querySelectorAll("#factor-list .what").length === 1 && !document.querySelector("[data-codes] code")`)
	p.Shows("10 of 10 left")
	inspect(p, "security-on")

	// A name.
	p.Click("#factor-list [data-do=rename]")
	fill(t, p, "#ask-input", `<img src=x onerror=alert(1)> phone`)
	inspect(p, "rename")
	p.Click("#ask-yes")
	p.Until("the name, as text", `document.querySelector("#factor-list strong").textContent === "<img src=x onerror=alert(1)> phone" && !document.querySelector("#factor-list img")`)

	p.Go(s.url + "/auth/account")
	p.Shows("Since")
	p.Go(s.url + "/auth/mfa?return_to=/auth/account/security")
	p.Until("focus on the code", `document.activeElement.id === "stepup-code"`)
	inspect(p, "stepup")
	p.Click("[data-use=recovery]")
	p.Until("focus on the recovery code", `document.activeElement.id === "stepup-recovery"`)
	inspect(p, "stepup-recovery")
	fill(t, p, "#stepup-recovery", strings.ToUpper(recovery))
	p.Enter("#stepup-recovery")
	p.Until("the account again", `location.pathname === "/auth/account/security" && document.querySelector("#factor-list .what")`)
	p.Shows("9 of 10 left")

	// The access token expires while the page is open: nobody notices.
	s.expire(p)
	fill(t, p, "#old", password)
	fill(t, p, "#new", "password123")
	p.Click("#change-form [type=submit]")
	p.Until("why it is weak", `document.querySelector("#change-error").textContent !== "" && document.activeElement.id === "new"`)
	inspect(p, "security-weak")
	fill(t, p, "#new", "quartz-violin-harbor-77")
	p.Click("#change-form [type=submit]")
	p.Until("the news", `document.querySelector("#flash").textContent === "Your password is changed."`)

	p.Click("#factor-list [data-do=remove]")
	p.Shows("It is your last one")
	inspect(p, "remove")
	p.Click("#ask-yes")
	p.Until("none", `document.querySelector("#factor-list .empty") && document.querySelector("#recovery").hidden`)
	p.Quiet("401", "422")
}

// After some wrong tries, by whomever, the page solves a puzzle before it signs in: nobody has to do anything.
func TestLoginChallengeInABrowser(t *testing.T) {
	s := start(t)
	guesser := browser(t)
	for range 3 {
		s.call(t, guesser, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": "wrong-wrong-wrong"})
	}
	r := s.call(t, guesser, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": password})
	set, _ := r.body["challenge"].(map[string]any)
	if r.StatusCode != 403 || r.kind() != "challenge-required" || set["answer_member"] != "challenge" || set["algorithm"] != "sha256-zero-bits" {
		t.Fatalf("no challenge: %d %s", r.StatusCode, r.raw)
	}
	p := kit.StartBrowser(t).Tab(t, "challenge", kit.Phone)
	p.Go(s.url + "/auth/login?return_to=/hello")
	// The message comes and goes with the work, so it is noted when it comes.
	ask[bool](t, p, `new MutationObserver(() => (window.said = document.querySelector("#working").textContent || window.said))
		.observe(document.querySelector("#working"), { childList: true }) === undefined`)
	fill(t, p, "#username", "ursula")
	fill(t, p, "#password", "wrong again, wrong again")
	p.Click("#password-form [type=submit]")
	p.Until("the answer after the puzzle", `document.querySelector("#password-error").textContent.includes("is wrong")`)
	if got := ask[string](t, p, `window.said`); !strings.Contains(got, "small sum") {
		t.Errorf("while it worked the page said %q", got)
	}
	fill(t, p, "#password", password)
	p.Click("#password-form [type=submit]")
	p.Until("the page that was asked for", `location.pathname === "/hello"`)
	p.Quiet("401", "403")
}
