package portal

import (
	"slices"
	"testing"

	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/test/kit"
)

// A person reports something on the account's page, until there were enough reports for an hour; in German too.
func TestReportInABrowser(t *testing.T) {
	s := start(t)
	p := kit.StartBrowser(t).Tab(t, "report", kit.Desktop)
	s.signIn(t, p, "ursula", "/auth/account")
	p.Until("the form", `document.querySelector("#report-form [type=submit]")?.disabled === false`)
	if n := ask[int](t, p, `document.querySelectorAll("#report-kind option").length`); n != len(incident.ToldKinds()) {
		t.Errorf("%d kinds", n)
	}
	if stops := tabs(t, p, "account"); !slices.Contains(stops, "report-what seen") {
		t.Errorf("not by keyboard: %q", stops)
	}
	for range 5 {
		fill(t, p, "#report-what", "A message with a link to evil.example")
		p.Click("#report-form [type=submit]")
		p.Until("thanks", `document.querySelector("#report-what").value === "" && document.querySelector("#report-form [type=submit]").disabled === false`)
	}
	p.Shows("Thank you. Your report has the number")
	inspect(p, "sent")
	fill(t, p, "#report-what", "Once more")
	p.Click("#report-form [type=submit]")
	p.Until("why not", `document.querySelector("#report-error").textContent.startsWith("Too many tries.")`)
	p.Click(`[data-language="de"]`)
	p.Until("German", `document.documentElement.lang === "de"`)
	p.Shows("Etwas melden")
	inspect(p, "german")
	p.Quiet("429")
}
