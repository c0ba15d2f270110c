package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// consoleOf signs a person in at the login page that the console sends to, and waits for the console.
func consoleOf(t *testing.T, p *kit.Tab, n *kit.Node, u kit.User, path string) {
	t.Helper()
	p.Go(n.URL + path)
	p.Until("the login page", `location.pathname == "/auth/login"`)
	p.Type(`input[name="username"]`, u.Username)
	p.Type(`input[name="password"]`, u.Password)
	p.Click(`form button[type="submit"]`)
	code := kit.Code(t, u.TOTPSecret)
	kit.Secret(code)
	p.Until("the field for the code", `[...document.querySelectorAll('input[name="code"]')].some(e => e.checkVisibility())`)
	p.Type(`input[name="code"]`, code)
	p.Enter(`input[name="code"]`)
	p.Until("the console", `location.pathname.startsWith("/console/") && document.querySelector("#menu")`)
}

// A moderator signs in on the way, bans an address in a dialog, takes it back, and watches events as they come.
func TestConsole(t *testing.T) {
	s := memory
	p := kit.StartBrowser(t).Tab(t, "console", kit.Desktop)
	consoleOf(t, p, s.a, s.users["mona"], "/console/bans")
	p.Until("the view that was asked for", `location.pathname == "/console/bans" && document.querySelector("h1").textContent == "Bans"`)
	p.Shot("bans")

	const banned = "203.0.113.77"
	// Before its script runs, the page asks on another page.
	p.Until("the way to ban", `document.readyState == "complete" && document.querySelector('.title a[href*="/console/bans/act/"]')`)
	p.Click(`.title a[href*="/console/bans/act/add"]`)
	p.Until("the question, in a dialog", `document.querySelector("dialog[open] form.ask")`)
	p.Type(`dialog[open] input[name="f.prefix"]`, banned)
	p.Click(`dialog[open] button[type="submit"]`)
	p.Until("what became of it", `document.querySelector(".flash")?.textContent.includes("`+banned+`") && document.querySelector("tbody").textContent.includes("`+banned+`")`)
	p.Shot("banned")
	p.Click(`.flash button`)
	p.Until("that it is taken back", `document.querySelector(".flash")?.textContent.includes("Taken back") && !document.querySelector("tbody").textContent.includes("`+banned+`")`)

	// Who works on an attack looks for what it sent.
	p.Go(s.a.URL + "/console/events?text=" + url.QueryEscape("<script>alert(1)</script>' or 1=1-- -"))
	p.Until("the view, which the WAF lets staff narrow", `document.querySelector("h1")?.textContent == "Events"`)
	p.Go(s.a.URL + "/console/events")
	p.Until("the way to watch", `document.querySelector("[data-live]:not([hidden]) [data-watch]")`)
	p.Click("[data-watch]")
	p.Until("the stream", `document.querySelector("[data-live] [role=status]").textContent.startsWith("Watching")`)
	s.a.Client(t).Call(t, "GET", "/nothing-of-the-console-test", nil)
	p.Until("the event", `document.querySelector("tbody tr.new")`)
	p.Quiet()
}

// What staff may see is closed to all others, to tokens, and to staff whose second factor is missing; and nothing of it is told to them.
func TestConsoleIsClosed(t *testing.T) {
	s := memory
	page := kit.With("Accept", "text/html")
	for _, path := range []string{"/console/", "/console/events", "/console/settings", "/console/bans/act/add", "/console/events/export?_format=csv"} {
		a := s.a.Client(t).Anonymous(t).Call(t, "GET", path, nil, page)
		if to := a.Header.Get("Location"); a.Status != http.StatusSeeOther || !strings.HasPrefix(to, "/auth/login?return_to=%2Fconsole") {
			t.Errorf("%s, anonymous: %d %s", path, a.Status, to)
		}
		if a := s.a.Client(t).Login(t, s.users["ursula"]).Call(t, "GET", path, nil, page); a.Status != http.StatusForbidden {
			t.Errorf("%s, a user: %d", path, a.Status)
		}
	}
	if a := s.a.Client(t).Login(t, s.users["ursula"]).Call(t, "POST", "/console/bans/act/add", nil); a.Status != http.StatusForbidden {
		t.Errorf("a user bans: %d", a.Status)
	}
}

// Every view that there is answers, by its name in the menu, without a script.
func TestEveryViewOfTheConsole(t *testing.T) {
	s := memory
	p := kit.StartBrowser(t).Tab(t, "views", kit.Desktop)
	consoleOf(t, p, s.a, s.users["ada"], "/console/")
	names, err := kit.Eval[string](p, `[...document.querySelectorAll("#menu a")].map(a => a.pathname.split("/").pop()).join(" ")`)
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(names)
	if len(list) < 15 {
		t.Errorf("there are %d views: %s", len(list), names)
	}
	for _, name := range list {
		p.Go(s.a.URL + "/console/" + name)
		p.Until("the view "+name, fmt.Sprintf(`location.pathname == "/console/%s" && document.querySelector("h1") && document.readyState == "complete"`, name))
		wrong, err := kit.Eval[string](p, `[...document.querySelectorAll(".note.bad")].map(e => e.textContent).join(" ")`)
		if err != nil || wrong != "" {
			t.Errorf("%s: %s %v", name, wrong, err)
		}
		p.NoOverflow(name)
	}
	p.Quiet()
}
