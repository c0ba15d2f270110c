package monitor

import (
	"context"
	"strings"

	"github.com/convosphere/gateway/modules/monitor/review/risk"
)

// controlCauses are the checks of the standards that are not met. One of them may serve many controls: it is one risk.
func (a *App) controlCauses(ctx context.Context) ([]risk.Cause, error) {
	report, err := a.assess(ctx)
	if err != nil {
		return nil, err
	}
	gaps := report.Gaps()
	causes := make([]risk.Cause, 0, len(gaps))
	for _, g := range gaps {
		impact := 2 // of what few controls ask for
		if len(g.Controls) >= 3 {
			impact = 3
		}
		if len(g.Controls) >= 8 {
			impact = 4
		}
		causes = append(causes, risk.Cause{
			Key: g.Check.ID, Title: "Not met: " + g.Check.Title, Detail: strings.Join(g.Check.Evidence, "\n") + "\nAsked for by " + strings.Join(g.Controls, ", ") + ".",
			Mend: g.Check.Mend, Link: "compliance?result=not+met", Likelihood: 3, Impact: impact, Times: len(g.Controls),
		})
	}
	return causes, nil
}
