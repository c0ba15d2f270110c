package portal

import (
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

func TestSessionsInABrowser(t *testing.T) {
	s := startWith(t, "identity {\n\t\t\tremember\n\t\t}", "")
	b := kit.StartBrowser(t)
	other, p := b.Tab(t, "other", kit.Desktop), b.Tab(t, "sessions", kit.Desktop)
	s.signIn(t, other, "ursula", "/auth/account")
	other.Until("the account", `location.pathname === "/auth/account"`)
	p.Go(s.url + "/auth/login?return_to=/auth/account/sessions")
	fill(t, p, "#username", "ursula")
	fill(t, p, "#password", password)
	p.Click("[name=remember]")
	p.Enter("#password")
	p.Until("both sessions", `document.querySelectorAll("#session-list .what").length === 2`)
	p.Until("the devices", `document.querySelector("#device-list .what")`)
	p.Shows("This session")
	p.Shows("Stays signed in")
	inspect(p, "sessions")
	p.Click("#session-list li:nth-child(2) [data-do=end]")
	inspect(p, "end")
	p.Click("#ask-yes")
	p.Until("one", `document.querySelectorAll("#session-list .what").length === 1 && document.querySelector("#end-all").hidden`)
	other.Go(s.url + "/auth/account")
	other.Until("signed out there", `location.pathname === "/auth/login"`)

	s.signIn(t, other, "ursula", "/auth/account")
	other.Until("the account", `location.pathname === "/auth/account"`)
	p.Go(s.url + "/auth/account/sessions")
	p.Click("#end-all")
	p.Click("#ask-yes")
	p.Shows("All other sessions have ended.")
	n := ask[int](t, p, `document.querySelectorAll("#device-list .what").length`)
	p.Click("#device-list [data-do=end]")
	p.Click("#ask-yes")
	p.Shows("The device is forgotten.")
	if left := ask[int](t, p, `document.querySelectorAll("#device-list .what").length`); left != n-1 {
		t.Errorf("%d devices, then %d", n, left)
	}
	p.Click("#session-list [data-do=end]")
	p.Click("#ask-yes")
	p.Until("the login page", `location.pathname === "/auth/login"`)
	p.Quiet()
}
