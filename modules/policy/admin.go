package policy

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gw_policy: what operators ask of a running gateway, at the admin address of Caddy, which checks
// who may come.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gw_policy", New: func() caddy.Module { return new(admin) }}
}

// adminRoutes are the routes, by the pattern of an http.ServeMux.
var adminRoutes = map[string]func(*App, http.ResponseWriter, *http.Request) error{
	"GET /gateway/policy":                (*App).serveStatus,
	"GET /gateway/policy/fields":         (*App).serveFields,
	"POST /gateway/policy/reload":        (*App).serveReload,
	"GET /gateway/grants":                (*App).serveGrants,
	"GET /gateway/grants/check":          (*App).serveGrantCheck,
	"POST /gateway/grants":               (*App).serveGrantChange,
	"DELETE /gateway/grants":             (*App).serveGrantRemoval,
	"GET " + dataRoute:                   (*App).serveDataList,
	"GET " + dataRoute + "/{path...}":    (*App).serveData,
	"PUT " + dataRoute + "/{path...}":    (*App).servePush,
	"PATCH " + dataRoute + "/{path...}":  (*App).servePush,
	"DELETE " + dataRoute + "/{path...}": (*App).servePush,
	"POST /gateway/policy/explain":       (*App).serveExplain,
}

// Routes implements caddy.AdminRouter.
func (admin) Routes() []caddy.AdminRoute {
	return host.AdminRoutes("gw_policy", func(a *App) *ground.Ground { return a.ground }, adminRoutes)
}

// Interface guard.
var _ caddy.AdminRouter = admin{}
