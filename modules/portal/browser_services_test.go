package portal

import (
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

func TestServicesInABrowser(t *testing.T) {
	s := start(t)
	c := browser(t)
	s.call(t, c, "POST", "/auth/api/login", map[string]string{"username": "otto", "password": password})
	enrolment := s.call(t, c, "POST", "/auth/api/account/totp", nil)
	secret, token := enrolment.body["secret"].(string), enrolment.body["token"].(string)
	if r := s.call(t, c, "POST", "/auth/api/account/totp/confirm", map[string]string{"token": token, "code": code(t, secret, time.Now())}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	p := kit.StartBrowser(t).Tab(t, "services", kit.Desktop)
	s.signIn(t, p, "otto", "/auth/admin/services")
	p.Until("the code", `document.activeElement.id === "login-code"`)
	fill(t, p, "#login-code", code(t, secret, time.Now().Add(30*time.Second)))
	p.Enter("#login-code")
	p.Until("the page", `location.pathname === "/auth/admin/services" && document.querySelector("#service-list .empty")`)
	p.Click("#new-service")
	fill(t, p, "#service-name", "robot")
	fill(t, p, "#service-scopes", "message:post room:list")
	inspect(p, "new")
	p.Click("#service-form [type=submit]")
	p.Until("the key, once", `document.querySelector("#made-dialog").open && JSON.parse(document.querySelector("#made-dialog [data-once]").textContent).d`)
	inspect(p, "key")
	p.Click("#made-dialog [data-close]")
	p.Until("it in the list", `document.querySelector("#service-list [data-keys] code") && document.querySelector("#made-dialog [data-once]").textContent === ""`)
	p.Click("#service-list [data-do=add]")
	p.Click("#ask-yes")
	p.Until("another key", `document.querySelector("#made-dialog").open`)
	p.Click("#made-dialog [data-close]")
	p.Until("both", `document.querySelectorAll("#service-list [data-keys] code").length === 2`)
	inspect(p, "list")
	p.Click("#service-list [data-keys] [data-do=remove]")
	p.Click("#ask-yes")
	p.Until("one", `document.querySelectorAll("#service-list [data-keys] code").length === 1`)
	p.Click("#service-list [data-do=change]")
	p.Click("#service-form [name=introspect]")
	p.Click("#service-form [type=submit]")
	p.Shows("Introspection")
	p.Quiet()
}
