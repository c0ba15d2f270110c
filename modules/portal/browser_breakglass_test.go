package portal

import (
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// A moderator takes emergency access on the account's page, and gives it back; in German too.
func TestEmergencyInABrowser(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "emergency", kit.Desktop)
	s.signIn(t, p, "mona", "/auth/account")
	p.Until("the code", `document.activeElement.id === "login-code"`)
	fill(t, p, "#login-code", code(t, s.secret, time.Now()))
	p.Enter("#login-code")
	p.Until("the form", `location.pathname === "/auth/account" && document.querySelector("#emergency-form [type=submit]")?.disabled === false && !document.querySelector("#emergency[aria-busy]")`)
	inspect(p, "form")
	if stops := tabs(t, p, "account"); !slices.Contains(stops, "emergency-reason seen") {
		t.Errorf("not by keyboard: %q", stops)
	}
	ask[bool](t, p, `document.querySelector("#emergency-reason").value = "too short".padEnd(10, "\u200b"), true`) // what the browser takes and the gateway does not
	p.Click("#emergency-form [type=submit]")
	p.Until("why not, at the field", `document.querySelector("#emergency-error").textContent !== "" && document.activeElement.id === "emergency-reason" && document.activeElement.getAttribute("aria-invalid") === "true"`)
	inspect(p, "refused")
	fill(t, p, "#emergency-reason", why)
	p.Click("#emergency-form [type=submit]")
	p.Until("it", `!document.querySelector("#emergency-on").hidden && document.querySelector("#emergency-form").hidden && document.activeElement.id === "emergency-end" && document.querySelector("#emergency-reason").value === ""`)
	p.Shows("You have emergency access until")
	inspect(p, "taken")
	p.Go(s.url + "/auth/account")
	p.Until("it, still", `!document.querySelector("#emergency-on").hidden && document.querySelector("#emergency-state").textContent !== ""`)
	p.Click(`[data-language="de"]`)
	p.Until("German", `document.documentElement.lang === "de" && !document.querySelector("#emergency-on").hidden`)
	inspect(p, "german")
	p.Click("#emergency-end")
	p.Until("its end", `document.querySelector("#emergency-on").hidden && !document.querySelector("#emergency-form").hidden`)
	p.Shows("Du hast den Notfallzugriff zurückgegeben.")
	p.Quiet("422")
}
