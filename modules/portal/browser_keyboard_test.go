package portal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// focused is the element with the focus, as far as a person must be able to see it.
const focused = `(() => { if (document.activeElement === document.body) return "BODY seen"; const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
	return [e.id || e.dataset.language || e.dataset.do || e.getAttribute("href") || e.textContent.trim().slice(0, 20) || e.tagName,
		s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 0 && r.bottom > 0 && r.top < innerHeight ? "seen" : "unseen"].join(" "); })()`

// tabs goes through the page with the Tab key until the focus is where it began, and returns the stops.
func tabs(t *testing.T, p *kit.Tab, page string) []string {
	t.Helper()
	ask[bool](t, p, `document.activeElement.blur(), window.scrollTo(0, 0), true`)
	want := ask[int](t, p, `[...document.querySelectorAll("a[href], button, input, select, summary, textarea")].filter(e => e.checkVisibility({visibilityProperty: true}) && e.tabIndex >= 0 && !e.disabled && !e.closest("dialog:not([open])")).length`)
	var stops []string
	for range want + 1 {
		p.Press("\t")
		at := ask[string](t, p, focused)
		if len(stops) > 0 && at == stops[0] {
			break
		}
		if strings.HasPrefix(at, "BODY") {
			continue
		}
		stops = append(stops, at)
		if strings.HasSuffix(at, "unseen") {
			t.Errorf("%s: the focus can't be seen on %s", page, at)
		}
	}
	if len(stops) != want {
		t.Errorf("%s: %d stops of the Tab key, %d elements to use: %q", page, len(stops), want, stops)
	}
	return stops
}

func TestKeyboardAlone(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "keyboard", kit.Desktop)
	p.Go(s.url + "/auth/login?return_to=/auth/account/security")
	p.Until("the page", `document.querySelector("#password-form [type=submit]")?.disabled === false`)
	stops := tabs(t, p, "login")
	if !slices.Contains(stops, "username seen") || !slices.Contains(stops, "passkey seen") {
		t.Errorf("login: %q", stops)
	}
	p.Go(s.url + "/auth/login?return_to=/auth/account/security")
	p.Until("focus on the name", `document.activeElement.id === "username"`)
	p.Press("mona\t" + password)
	p.Press("\r")
	p.Until("focus on the code", `document.activeElement.id === "login-code"`)
	p.Press(code(t, s.secret, time.Now()))
	p.Press("\r")
	p.Until("the list", `location.pathname === "/auth/account/security" && document.querySelector("#factor-list .what")`)
	stops = tabs(t, p, "security")
	if stops[0] != "#main seen" {
		t.Errorf("the first stop skips to the content: %s", stops[0])
	}

	// A dialog holds the focus, closes with Escape, and gives it back.
	to := func(what string) {
		t.Helper()
		for range 40 {
			if strings.HasPrefix(ask[string](t, p, focused), what+" ") {
				return
			}
			p.Press("\t")
		}
		t.Fatalf("the Tab key does not come to %s", what)
	}
	to("rename")
	p.Press("\r")
	p.Until("the dialog", `document.querySelector("#ask").open && document.activeElement.id === "ask-input"`)
	for i := range 6 {
		p.Press("\t")
		if !ask[bool](t, p, `document.activeElement === document.body || document.querySelector("#ask").contains(document.activeElement)`) {
			t.Errorf("after %d tabs the focus is behind the dialog: %s", i+1, ask[string](t, p, focused))
		}
	}
	p.Press("\x1b")
	p.Until("the focus back", `!document.querySelector("#ask").open && document.activeElement.dataset.do === "rename"`)
	p.Press("\r")
	p.Until("the dialog", `document.activeElement.id === "ask-input"`)
	p.Press("work phone\r")
	p.Until("the name", `document.querySelector("#factor-list strong")?.textContent === "work phone"`)

	// The language, and out.
	to("de")
	p.Press(" ")
	p.Until("German", `document.documentElement.lang === "de" && document.querySelector("h1")?.textContent === "Sicherheit"`)
	p.Until("the list", `document.querySelector("#factor-list .what")`)
	inspect(p, "german")
	to("Abmelden")
	p.Press("\r")
	p.Until("the login page, in German still", `location.pathname === "/auth/login" && document.querySelector("[data-step=password] h1").textContent === "Anmelden"`)
	p.Quiet()
}

// Whoever asked for less motion gets none.
func TestReducedMotion(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "motion", kit.Phone)
	p.Media("prefers-reduced-motion", "reduce")
	p.Go(s.url + "/auth/login")
	moves := ask[int](t, p, `[...document.querySelectorAll("*")].filter(e => [null, "::before", "::after"].some(x => { const s = getComputedStyle(e, x); return s.animationName !== "none" || s.transitionDuration.split(",").some(d => parseFloat(d) > 0) })).length`)
	if moves != 0 {
		t.Errorf("%d elements move", moves)
	}
}
