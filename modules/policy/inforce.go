package policy

import (
	"cmp"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// InForce is what applies by default, beside what is configured, and where the policy is from.
func (a *App) InForce() map[string]any {
	told := map[string]any{"timeout": time.Duration(cmp.Or(a.Timeout, caddy.Duration(engine.DefaultTimeout))), "decisions": cmp.Or(a.Decisions, "all")}
	if a.keeper != nil {
		s := a.keeper.State()
		told["revision"], told["from"] = s.Revision, s.From
	}
	return told
}
