package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/compliance"
)

// facts are what compliance is checked by: what is in force, and what stands in the data. What can't be read is unknown to the checks that ask for it.
func (a *App) facts(ctx context.Context) (*compliance.Facts, error) {
	running, err := host.Running()
	if err != nil {
		return nil, err
	}
	f := &compliance.Facts{At: time.Now().UTC(), Config: running}
	if a.live != nil {
		n := 0
		if rules := a.live.engine.Rules(); rules != nil {
			n = len(rules.All()) + len(rules.Correlations())
		}
		f.Rules = &n
	}
	if log, ok := a.ground.Audit.(interface {
		Size() int64
		Lost() int64
		Failing() bool
	}); ok {
		f.Audit = &compliance.Audit{Events: log.Size(), Lost: log.Lost(), Failing: log.Failing()}
	}
	f.Keys = compliance.SigningKeys(a.ground.Keys.Keys())
	if err := f.Read(ctx, a.ground.DB); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.logger.Warn("compliance", zap.Error(err))
	}
	return f, nil
}

// assess looks at all controls of some standards; none named: of all.
func (a *App) assess(ctx context.Context, frameworks ...string) (compliance.Report, error) {
	f, err := a.facts(ctx)
	if err != nil {
		return compliance.Report{}, err
	}
	r := compliance.Assess(f, compliance.Only(frameworks...))
	r.Node = a.ground.Node
	return r, nil
}

// serveComplianceReport writes a report: ?framework= (several), ?format=html|json|csv
func (a *App) serveComplianceReport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	v := r.URL.Query()
	known := compliance.FrameworkIDs()
	for _, name := range v["framework"] {
		if !slices.Contains(known, name) {
			return host.BadRequest(fmt.Errorf("framework: they are %v", known))
		}
	}
	format := cmp.Or(v.Get("format"), "html")
	media, ok := compliance.Formats[format]
	if !ok {
		return host.BadRequest(errors.New("format: it is html, json or csv"))
	}
	report, err := a.assess(ctx, v["framework"]...)
	if err != nil {
		return workError(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", media)
	return report.Write(w, format)
}
