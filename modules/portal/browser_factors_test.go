package portal

import (
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

func TestPasskeysInABrowser(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "passkey", kit.Desktop)
	p.Authenticator()
	s.signIn(t, p, "ursula", "/auth/account/security")
	p.Until("the account", `document.querySelector("#factor-list .empty")`)
	p.Click("#add-key")
	fill(t, p, "#ask-input", "my laptop")
	inspect(p, "add-key")
	p.Click("#ask-yes")
	p.Until("recovery codes", `document.querySelectorAll("#codes-dialog[open] [data-codes] code").length === 10`)
	p.Click("#codes-dialog [data-close]")
	p.Until("the passkey", `document.querySelector("#factor-list strong")?.textContent === "my laptop" && document.querySelector("#factor-list .dim").textContent.startsWith("Passkey")`)

	// It is the only step, and no name is typed. The browser offers it by itself, or is asked by the button.
	p.Click("[data-sign-out]")
	p.Until("the login page", `location.pathname === "/auth/login"`)
	if ask[bool](t, p, `document.querySelector("#username")?.autocomplete !== "username webauthn"`) {
		t.Error("the browser can't offer passkeys")
	}
	p.Until("in again", `document.querySelector("#passkey")?.click(), location.pathname !== "/auth/login"`)
	p.Go(s.url + "/auth/account/security")
	p.Until("the list", `document.querySelector("#factor-list strong")?.textContent === "my laptop"`)

	// It is a second step, too.
	p.Go(s.url + "/auth/mfa?return_to=/hello")
	p.Until("the passkey first", `document.querySelector("[data-factor=webauthn]")?.checkVisibility() && document.activeElement.matches("[data-key]")`)
	inspect(p, "stepup-key")
	p.Click("[data-key]")
	p.Until("the page that asked", `location.pathname === "/hello"`)
	p.Quiet()
}

// What asks for a factor gets it in a dialog, and is done then.
func TestStepUpInADialog(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "dialog", kit.Desktop)
	s.signIn(t, p, "mona", "/auth/account/security")
	fill(t, p, "#login-code", code(t, s.secret, time.Now()))
	p.Enter("#login-code")
	p.Until("the account", `document.querySelector("#factor-list .what")`)
	const refuse = `(() => { const real = fetch; let n = 0; window.fetch = async (at, o) => at.endsWith("recovery-codes") && n++ % 2 === 0
		? new Response('{"type":"urn:gateway:problem:step-up-required","acr_values":"aal2"}', {status: 401}) : real(at, o); return true })()`
	ask[bool](t, p, refuse)
	p.Click("#new-codes")
	p.Click("#ask-yes")
	p.Until("the dialog", `document.querySelector("#stepup").open && document.activeElement.id === "stepup-code"`)
	inspect(p, "stepup-dialog")
	p.Press("\x1b")
	p.Until("why nothing was done", `document.querySelector("#ask .error").textContent.includes("did not confirm")`)
	ask[bool](t, p, refuse)
	p.Click("#ask-yes")
	p.Until("the dialog again", `document.activeElement.id === "stepup-code"`)
	fill(t, p, "#stepup-code", code(t, s.secret, time.Now().Add(30*time.Second)))
	p.Enter("#stepup-code")
	p.Until("new codes", `document.querySelectorAll("#codes-dialog[open] [data-codes] code").length === 10 && !document.querySelector("#ask").open`)
	p.Quiet()
}

func TestEnrolmentInTheLogin(t *testing.T) {
	s := startWith(t, "identity {\n\t\t\tsecond_factor required admin\n\t\t}", "")
	p := kit.StartBrowser(t).Tab(t, "enrolment", kit.Desktop)
	s.signIn(t, p, "otto", "/auth/account")
	p.Until("the choice", `document.querySelector("[data-step=enrol]")?.checkVisibility() && document.activeElement.tagName === "H1"`)
	inspect(p, "choice")
	p.Click("[data-add=totp]")
	p.Until("the QR code", `document.querySelector("[data-qr]").naturalWidth > 100`)
	inspect(p, "totp")
	secret := strings.ReplaceAll(ask[string](t, p, `document.querySelector("[data-secret]").textContent`), " ", "")
	fill(t, p, "#enrol-code", code(t, secret, time.Now()))
	p.Enter("#enrol-code")
	p.Until("recovery codes", `document.querySelectorAll("[data-step=codes] [data-codes] code").length === 10 && document.activeElement.tagName === "H1"`)
	inspect(p, "codes")
	p.Click("[data-done]")
	p.Until("the account", `location.pathname === "/auth/account"`)
	p.Quiet()
}
