package gateway

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/keyset"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gateway: what operators ask of the ground of a running gateway, at the admin address of Caddy, which checks who
// may come.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gateway", New: func() caddy.Module { return new(admin) }}
}

// adminRoutes are the routes, by the pattern of an http.ServeMux.
var adminRoutes = map[string]func(*App, http.ResponseWriter, *http.Request) error{
	"GET /gateway/bans":         (*App).serveBans,
	"GET /gateway/bans/check":   (*App).serveBanCheck,
	"POST /gateway/bans":        (*App).serveBanAdd,
	"DELETE /gateway/bans":      (*App).serveBanRemoval,
	"POST /gateway/bans/import": (*App).serveBanImport,
	"GET /gateway/abuse":        (*App).serveAbuse,
	"DELETE /gateway/abuse":     (*App).serveAbuseRemoval,
	"GET /gateway/health":       (*App).serveHealth,

	"GET /gateway/data-keys":          (*App).serveDataKeys,
	"POST /gateway/data-keys":         onDataKey((*keyset.Sets).New),
	"POST /gateway/data-keys/rotate":  onDataKey((*keyset.Sets).Rotate),
	"POST /gateway/data-keys/disable": onDataKey((*keyset.Sets).Disable),
	"POST /gateway/data-keys/enable":  onDataKey((*keyset.Sets).Enable),
	"POST /gateway/data-keys/destroy": onDataKey((*keyset.Sets).Destroy),
	"GET /gateway/data-keys/export":   (*App).serveDataKeyExport,
	"POST /gateway/data-keys/rewrap":  (*App).serveRewrap,
	"GET /gateway/data-keys/rewrap":   (*App).serveProgress,

	"POST /gateway/backups/drilled": (*App).serveDrilled,

	"GET /gateway/openapi.json":                                 (*App).serveOpenAPI,
	"GET /gateway/views":                                        (*App).serveViews,
	"GET /gateway/views/{view}":                                 (*App).serveView,
	"GET /gateway/views/{view}/live":                            (*App).serveLive,
	"GET /gateway/views/{view}/items/{id}":                      (*App).serveItem,
	"GET /gateway/views/{view}/items/{id}/documents/{document}": (*App).serveDocument,
	"POST /gateway/views/{view}/actions/{action}":               (*App).serveAction,
}

// Routes implements caddy.AdminRouter.
func (admin) Routes() []caddy.AdminRoute {
	return host.AdminRoutes("gateway", (*App).Ground, adminRoutes)
}

// readJSON reads a request's body of at most so many bytes strictly: what v does not know is refused.
func readJSON(w http.ResponseWriter, r *http.Request, most int64, v any) error {
	raw, err := host.ReadBody(w, r, most)
	if err != nil {
		return err
	}
	return host.DecodeJSON(raw, v)
}

// Interface guard.
var _ caddy.AdminRouter = admin{}
