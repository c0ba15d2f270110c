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
	p.Until("the login page, where the browser can offer passkeys, or already has", `location.pathname === "/auth/login"
		? document.querySelector("#username")?.autocomplete === "username webauthn" : document.querySelector("h1")?.textContent === "the app"`)
	p.Until("in again", `document.querySelector("#passkey")?.click(), location.pathname !== "/auth/login"`)
	p.Go(s.url + "/auth/account/security")
	p.Until("the list", `document.querySelector("#factor-list strong")?.textContent === "my laptop"`)

	// It is a second step, too.
	p.Go(s.url + "/auth/mfa?return_to=/hello")
	p.Until("the passkey first", `document.querySelector("[data-factor=webauthn]")?.checkVisibility() && document.activeElement.matches("[data-key]")`)
	inspect(p, "stepup-key")
	p.Click("[data-key]")
	p.Until("the page that asked", `location.pathname === "/hello"`)
	p.Quiet("401") // signing out overtakes a request
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

// With several factors one is shown and the others are a click away; a device that was remembered is not asked again.
func TestChoiceOfFactors(t *testing.T) {
	s := start(t)
	c := browser(t)
	s.call(t, c, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": password})
	enrolment := s.call(t, c, "POST", "/auth/api/account/totp", nil)
	secret, token := enrolment.body["secret"].(string), enrolment.body["token"].(string)
	s.call(t, c, "POST", "/auth/api/account/totp/confirm", map[string]string{"token": token, "code": code(t, secret, time.Now())})
	codes := s.call(t, c, "POST", "/auth/api/account/recovery-codes", nil).body["codes"].([]any)
	if len(codes) != 10 {
		t.Fatal(codes)
	}
	p := kit.StartBrowser(t).Tab(t, "choice", kit.Desktop)
	s.signIn(t, p, "ursula", "/auth/account")
	p.Until("the code first", `document.activeElement.id === "login-code"`)
	inspect(p, "second")
	p.Click("[data-step=second] [data-use=recovery]")
	p.Until("the recovery code", `document.activeElement.id === "login-recovery"`)
	fill(t, p, "#login-recovery", "not-a-code")
	p.Enter("#login-recovery")
	p.Until("why not", `document.querySelector("#login-recovery-error").textContent !== "" && document.activeElement.id === "login-recovery"`)
	inspect(p, "recovery-wrong")
	fill(t, p, "#login-recovery", codes[0].(string))
	p.Click("#remember-device")
	p.Enter("#login-recovery")
	p.Until("in", `location.pathname === "/auth/account"`)
	p.Until("the button", `document.querySelector("[data-sign-out]")`)
	p.Click("[data-sign-out]")
	p.Until("the login page", `location.pathname === "/auth/login" && document.querySelector("#password-form [type=submit]")?.disabled === false`)
	fill(t, p, "#username", "ursula")
	fill(t, p, "#password", password)
	p.Enter("#password")
	p.Until("in, without a second factor", `location.pathname === "/"`)
	p.Quiet("401")
}
