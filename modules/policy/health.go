package policy

import (
	"context"

	"github.com/convosphere/gateway/modules/internal/health"
)

// health tells whether the policy in force is the newest that its origin has. Without any the configuration would not have loaded.
func (a *App) health(context.Context) (health.State, string) {
	if s := a.keeper.State(); s.LastError != "" {
		return health.Degraded, "revision " + s.Revision + " decides, since what is newer is not good, or not to be had: `convosphere policy status` says why"
	}
	return health.OK, "revision " + a.engine.Revision()
}
