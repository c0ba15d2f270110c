package portal

import (
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

func TestTokensInABrowser(t *testing.T) {
	s := startWith(t, "identity {\n\t\t\tpersonal_tokens {\n\t\t\t\tscopes app:read app:write\n\t\t\t}\n\t\t}", "")
	p := kit.StartBrowser(t).Tab(t, "tokens", kit.Desktop)
	s.signIn(t, p, "ursula", "/auth/account/tokens")
	p.Until("none", `document.querySelector("#token-list .empty") && !document.querySelector("#new-token").hidden`)
	p.Click("#new-token")
	fill(t, p, "#token-name", "backup")
	p.Click("#token-scopes [value='app:read']")
	inspect(p, "new")
	p.Click("#token-form [type=submit]")
	p.Until("the token, once", `document.querySelector("#made-dialog").open && document.querySelector("#made-dialog [data-once]").textContent.length > 20`)
	inspect(p, "made")
	token := ask[string](t, p, `document.querySelector("#made-dialog [data-once]").textContent`)
	p.Click("#made-dialog [data-close]")
	p.Until("it in the list, and nowhere else", `document.querySelector("#token-list strong")?.textContent === "backup" && document.querySelector("#made-dialog [data-once]").textContent === ""`)
	inspect(p, "list")
	if r := s.call(t, browser(t), "GET", "/hello", nil, "Authorization", "Bearer "+token); r.StatusCode != 200 {
		t.Errorf("the token: %d %s", r.StatusCode, r.raw)
	}
	p.Click("#token-list [data-do=end]")
	p.Click("#ask-yes")
	p.Shows("The token is revoked.")
	if r := s.call(t, browser(t), "GET", "/hello", nil, "Authorization", "Bearer "+token); r.StatusCode != 401 {
		t.Errorf("the revoked token: %d", r.StatusCode)
	}
	p.Quiet()
}
