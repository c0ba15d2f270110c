package monitor

import (
	"context"

	"github.com/convosphere/gateway/modules/monitor/compliance"
)

// showCompliance adds the view of controls. It is there also where nothing is watched: that, too, is a result.
func (a *App) showCompliance() {
	a.ground.Views.Add(compliance.View(func(ctx context.Context) (compliance.Report, error) { return a.assess(ctx) }))
}
