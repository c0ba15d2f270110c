package portal

import (
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// A brand's colour, logo, texts and links, in its own language: as readable as ours.
func TestBrandInABrowser(t *testing.T) {
	logo := file(t, "logo.svg", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" rx="8" fill="#0a6640"/><script>document.title = "run"</script></svg>`)
	s := startWith(t, "", `		brand "Universität Beispielstadt" {
			logo `+logo+`
			color 0a6640
		}
		texts `+file(t, "de.json", `{"login.lead":"zum Hörsaal von {brand} <b>"}`)+` `+file(t, "nl.json", `{"common.language":"Nederlands","login.title":"Inloggen"}`)+`
		link Datenschutz https://acme.example/privacy`)
	p := kit.StartBrowser(t).Tab(t, "brand", kit.Desktop)
	p.Go(s.url + "/auth/login")
	p.Until("the logo", `document.querySelector(".logo").naturalWidth > 0`)
	p.Click("[data-language=nl]")
	p.Until("Dutch, and what it lacks in English", `document.documentElement.lang === "nl" && document.querySelector("[data-step=password] h1").textContent === "Inloggen" && document.querySelector("label[for=password]").textContent === "Password"`)
	p.Click("[data-language=de]")
	p.Until("its own words, as text", `document.querySelector(".lead").nextElementSibling && document.querySelector("[data-step=password] .lead").textContent === "zum Hörsaal von Universität Beispielstadt <b>"`)
	if got := ask[string](t, p, `getComputedStyle(document.querySelector(".main")).backgroundColor`); got != "rgb(10, 102, 64)" {
		t.Errorf("a button is %s", got)
	}
	inspect(p, "login")
	at := ask[string](t, p, `document.querySelector(".logo").src`)
	p.Go(at)
	if title := ask[string](t, p, `document.title`); title == "run" {
		t.Error("the logo ran a script")
	}
	p.Quiet("sandboxed") // the browser notes that it did not run it
}
