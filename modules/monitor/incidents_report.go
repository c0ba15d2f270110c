package monitor

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/report"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

// writeReport writes what became of an incident, as HTML. Errors: incident.ErrNotFound.
func (w *work) writeReport(ctx context.Context, id string, to io.Writer) error {
	i, err := w.incidents.Show(ctx, id)
	if err != nil {
		return err
	}
	responses, err := w.responses.List(ctx, respond.Query{Incident: id})
	if err != nil {
		return err
	}
	return report.Write(ctx, to, report.Report{
		Incident: i, Deeds: deeds(responses), Playbooks: w.playbooksFor(&i), Name: w.names().of, Node: w.node, At: time.Now(),
	})
}

// reportFile is what the report of an incident is called.
func reportFile(id string) string { return "incident-" + id + ".html" }

// incidentDocuments are the report.
func (w *work) incidentDocuments() []view.Document {
	return []view.Document{{
		Name: "report", Title: "Report for print", Kind: "text/html; charset=utf-8", File: reportFile,
		Make: func(ctx context.Context, id string, to io.Writer) error {
			return w.failed(ctx, w.writeReport(ctx, id, to))
		},
	}}
}

// serveIncidentReport: GET /gateway/incidents/{id}/report
func (a *App) serveIncidentReport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	if _, err := a.book(); err != nil {
		return err
	}
	var page bytes.Buffer // an error is none once half of it is out
	if err := a.work.writeReport(ctx, r.PathValue("id"), &page); err != nil {
		return workError(err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	w.Header().Set("Cache-Control", "no-store")
	_, err := page.WriteTo(w)
	return err
}

// Report keeps what somebody reports. The id is what they can name when they ask what became of it. Errors: incident.ErrMalformed, ErrOften, ErrFull, and ErrNotFound where no
// incidents are kept.
func (a *App) Report(ctx context.Context, t incident.Told) (id string, err error) {
	if !a.TakesReports() {
		return "", incident.ErrNotFound
	}
	i, change, err := a.work.incidents.Tell(ctx, t)
	if err != nil {
		return "", err
	}
	incidentChanges.WithLabelValues(change.String()).Inc()
	for _, tell := range a.work.tell {
		tell(ctx, i, change)
	}
	return i.ID, nil
}

// TakesReports tells whether there is somewhere to keep them.
func (a *App) TakesReports() bool { return a.work != nil && a.work.incidents != nil }
