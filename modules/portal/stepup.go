package portal

import (
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// askStepUp answers as gw_authorize does (RFC 9470); a page load goes to the page that asks.
func askStepUp(c *call, wanted session.NotFresh) {
	c.rc.LoginURL = "/auth/mfa"
	title := "A second factor is needed"
	if wanted.ACR == reqctx.ACRSingle {
		title = "The password is needed again"
	}
	problem.StepUp(c.w, c.r, title, wanted.ACR, wanted.MaxAge)
}
