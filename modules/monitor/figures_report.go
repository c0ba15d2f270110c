package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/figure"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// Bounds of reports.
const (
	shortestReport = time.Minute
	longestReport  = 10 * 366 * 24 * time.Hour
	usualReport    = 7 * 24 * time.Hour
	mostIncidents  = 20_000
	// freshEnough is how old figures may be that a report has.
	freshEnough = 2 * time.Second
)

var errNoFigures = errors.New("no figures are kept: see `figures` in the `monitor` block")

// report gives the figures of a time and of the time before it, as long.
func (a *App) report(ctx context.Context, from, to time.Time) (p figure.Pair, err error) {
	if a.figures == nil {
		return p, errNoFigures
	}
	if now := time.Now(); to.IsZero() || to.After(now) {
		to = now.Truncate(freshEnough).Add(freshEnough) // of what is to come nothing is known; a page asks several times for the same
	}
	if from.IsZero() {
		from = to.Add(-usualReport)
	}
	if long := to.Sub(from); long < shortestReport || long > longestReport {
		return p, fmt.Errorf("%w: from lies before to, by a minute to ten years", view.ErrMalformed)
	}
	return a.reports.get(ctx, from, to, func() (p figure.Pair, err error) {
		a.tally.flush(ctx, freshEnough)
		src := a.figureSources()
		if p.Now, err = a.figures.Report(ctx, from, to, src); err != nil {
			return p, err
		}
		p.Then, err = a.figures.Report(ctx, from.Add(from.Sub(to)), from, src)
		return p, err
	})
}

// reports keeps the last report for a moment: a page shows its panels and its table one after the other, and others wait rather than make the same.
type reports struct {
	turn     sync.Mutex
	from, to time.Time
	made     time.Time
	last     figure.Pair
}

func (r *reports) get(ctx context.Context, from, to time.Time, make func() (figure.Pair, error)) (figure.Pair, error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if err := ctx.Err(); err != nil {
		return figure.Pair{}, err
	}
	if from.Equal(r.from) && to.Equal(r.to) && time.Since(r.made) < 2*freshEnough {
		return r.last, nil
	}
	p, err := make()
	if err == nil {
		r.from, r.to, r.made, r.last = from, to, time.Now(), p
	}
	return p, err
}

// figureSources are what reports ask besides what was counted.
func (a *App) figureSources() figure.Sources {
	src := figure.Sources{Routes: configuredRoutes}
	if a.work != nil && a.work.incidents != nil {
		src.Incidents = a.incidentsBetween
	}
	return src
}

// configuredRoutes are the routes that the configuration in force names, as events have them.
func configuredRoutes() []string {
	g, err := host.Running()
	if err != nil {
		return nil // it is just beginning
	}
	names := []string{}
	for _, server := range g.Servers {
		for _, site := range server.Sites {
			for _, h := range site.Handlers {
				if h.Module == "gw_authorize" {
					names = append(names, routeNames(h.Settings["routes"], "*")...)
					names = append(names, routeNames(h.Settings["sockets"], "GET")...)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func routeNames(list any, method string) (names []string) {
	all, _ := list.([]any)
	for _, one := range all {
		rt, ok := one.(inforce.Tree)
		if !ok {
			continue
		}
		methods := []string{}
		listed, _ := rt["methods"].([]any)
		for _, m := range listed {
			methods = append(methods, fmt.Sprint(m))
		}
		if len(methods) == 0 {
			methods = []string{method}
		}
		names = append(names, strings.Join(methods, ",")+" "+inforce.Text(rt, "path"))
	}
	return names
}

// reportFormats are what reports are written as, and their media types.
var reportFormats = map[string]struct {
	media string
	write func(figure.Pair, io.Writer) error
}{
	"html": {"text/html; charset=utf-8", figure.Pair.WriteHTML},
	"json": {"application/json", figure.Pair.WriteJSON},
	"csv":  {"text/csv; charset=utf-8", figure.Pair.WriteCSV},
}

// serveSecurityReport answers ?from=&to=&format= with the figures of that time.
func (a *App) serveSecurityReport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	format, ok := reportFormats[r.URL.Query().Get("format")]
	if !ok {
		return host.BadRequest(errors.New("format: it is html, json or csv"))
	}
	q, err := askPeriod(r.URL.Query())
	if err != nil {
		return host.BadRequest(err)
	}
	p, err := a.report(ctx, q.Time("from"), q.Time("to"))
	switch {
	case errors.Is(err, errNoFigures):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	case errors.Is(err, view.ErrMalformed):
		return host.BadRequest(err)
	case err != nil:
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	w.Header().Set("Content-Type", format.media)
	return format.write(p, w)
}

// askPeriod reads from and to as views do.
func askPeriod(v url.Values) (view.Query, error) {
	period := view.View{Filters: periodFilters()}
	asked := url.Values{}
	for _, name := range []string{"from", "to"} {
		if v.Has(name) {
			asked[name] = v[name]
		}
	}
	return period.Ask(asked, view.Person{}, time.Now())
}

// incidentsBetween are the incidents that figures are made of.
func (a *App) incidentsBetween(ctx context.Context, from, to time.Time) (all []figure.Incident, more bool, err error) {
	some, more, err := a.work.incidents.Between(ctx, from, to, mostIncidents)
	for i := range some {
		one := &some[i]
		all = append(all, figure.Incident{
			Level: one.Level.String(), Reported: one.Source == incident.Report, Verdict: one.Verdict, First: one.First, Opened: one.Opened, Responded: one.Responded, Closed: one.Closed,
		})
	}
	return all, more, err
}
