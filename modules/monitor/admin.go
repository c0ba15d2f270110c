package monitor

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gw_monitor: what operators ask of a running gateway, at the admin address of Caddy, which checks who may come.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gw_monitor", New: func() caddy.Module { return new(admin) }}
}

// adminRoutes are the routes, by the pattern of an http.ServeMux.
var adminRoutes = map[string]func(*App, http.ResponseWriter, *http.Request) error{
	"GET /gateway/incidents":                   (*App).serveIncidents,
	"GET /gateway/incidents/{id}":              (*App).serveIncident,
	"POST /gateway/incidents/{id}/acknowledge": (*App).serveAcknowledgement,
	"POST /gateway/incidents/{id}/close":       (*App).serveClosing,
	"POST /gateway/incidents/{id}/notes":       (*App).serveNote,
	"PATCH /gateway/incidents/{id}":            (*App).serveEdit,
	"GET /gateway/incidents/{id}/report":       (*App).serveIncidentReport,
	"GET /gateway/incidents/precision":         (*App).servePrecision,
	"GET /gateway/playbooks":                   (*App).servePlaybooks,

	"POST /gateway/incidents/{id}/steps/{playbook}/{step}": (*App).serveTick,

	"GET /gateway/reports/security": (*App).serveSecurityReport,
	"GET /gateway/reports/access":   (*App).serveAccessReport,

	"GET /gateway/responses":               (*App).serveResponses,
	"POST /gateway/responses":              (*App).serveOrder,
	"GET /gateway/responses/{id}":          (*App).serveResponse,
	"POST /gateway/responses/{id}/approve": decision("approve"),
	"POST /gateway/responses/{id}/dismiss": decision("dismiss"),
	"POST /gateway/responses/{id}/undo":    decision("undo"),
	"GET /gateway/reports/compliance":      (*App).serveComplianceReport,
	"GET /gateway/measures":                (*App).serveMeasures,

	"GET /gateway/alerts":             (*App).serveAlerts,
	"POST /gateway/alerts/test":       (*App).serveAlertTest,
	"POST /gateway/alerts/{id}/retry": (*App).serveAlertRetry,
	"DELETE /gateway/alerts/{id}":     (*App).serveAlertDrop,
}

// Routes implements caddy.AdminRouter.
func (admin) Routes() []caddy.AdminRoute {
	return host.AdminRoutes("gw_monitor", func(a *App) *ground.Ground { return a.ground }, adminRoutes)
}

// Interface guard.
var _ caddy.AdminRouter = admin{}
