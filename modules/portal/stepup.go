package portal

import (
	"fmt"
	"net/http"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// askStepUp answers as gw_authorize does (RFC 9470); a page load goes to the page that asks.
func askStepUp(c *call, wanted session.NotFresh) {
	c.rc.LoginURL = "/auth/mfa"
	age := int(wanted.MaxAge.Seconds())
	title := "A second factor is needed"
	if wanted.ACR == reqctx.ACRSingle {
		title = "The password is needed again"
	}
	c.w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_user_authentication", error_description=%q, acr_values=%q, max_age="%d"`, title, wanted.ACR, age))
	problem.Write(c.w, c.r, problem.Problem{
		Status: http.StatusUnauthorized, Type: "step-up-required", Title: title, Extra: map[string]any{"acr_values": wanted.ACR, "max_age": age},
	})
}
