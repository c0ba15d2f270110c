package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gw_policy: what operators ask of a running gateway, at the admin address of Caddy, which checks
// who may come.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gw_policy", New: func() caddy.Module { return new(admin) }}
}

// adminRoutes are the routes, by the pattern of an http.ServeMux. The handler's error is answered as JSON: use caddy.APIError
// for another status than 500.
var adminRoutes = map[string]func(*App, http.ResponseWriter, *http.Request) error{
	"GET /gateway/policy":                (*App).serveStatus,
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
	routes := make([]caddy.AdminRoute, 0, len(adminRoutes))
	for pattern, serve := range adminRoutes {
		routes = append(routes, caddy.AdminRoute{Pattern: pattern, Handler: onApp(serve)})
	}
	return routes
}

// onApp has the app that is running now serve a request. The admin endpoint outlives it at a reload, and comes before it at the start.
func onApp(serve func(*App, http.ResponseWriter, *http.Request) error) caddy.AdminHandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		app, err := caddy.ActiveContext().AppIfConfigured("gw_policy")
		if err != nil {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: fmt.Errorf("no policy is running: %w", err)}
		}
		a, ok := app.(*App)
		if !ok {
			return fmt.Errorf("the app gw_policy is a %T", app)
		}
		defer a.ground.Hold()()
		w.Header().Set("Cache-Control", "no-store")
		return serve(a, w, r)
	}
}

// answerJSON writes v as the answer.
func answerJSON(w http.ResponseWriter, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(raw, '\n'))
	return err
}

// readBody reads a request's body of at most so many bytes.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, caddy.APIError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: fmt.Errorf("the body has more than %d bytes", most)}
	case err != nil:
		return nil, caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf("reading the body: %w", err)}
	}
	return raw, nil
}

// Interface guard.
var _ caddy.AdminRouter = admin{}
