package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(admin{}) }

// admin is the module admin.api.gateway: what operators ask of the ground of a running gateway, at the admin address of Caddy, which checks who
// may come.
type admin struct{}

// CaddyModule returns the module's information.
func (admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gateway", New: func() caddy.Module { return new(admin) }}
}

// adminRoutes are the routes, by the pattern of an http.ServeMux. The handler's error is answered as JSON: use caddy.APIError
// for another status than 500.
var adminRoutes = map[string]func(*App, http.ResponseWriter, *http.Request) error{
	"GET /gateway/bans":         (*App).serveBans,
	"GET /gateway/bans/check":   (*App).serveBanCheck,
	"POST /gateway/bans":        (*App).serveBanAdd,
	"DELETE /gateway/bans":      (*App).serveBanRemoval,
	"POST /gateway/bans/import": (*App).serveBanImport,
	"GET /gateway/abuse":        (*App).serveAbuse,
	"DELETE /gateway/abuse":     (*App).serveAbuseRemoval,
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
		app, err := caddy.ActiveContext().AppIfConfigured("gateway")
		if err != nil {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: fmt.Errorf("no gateway is running: %w", err)}
		}
		a, ok := app.(*App)
		if !ok {
			return fmt.Errorf("the app gateway is a %T", app)
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

// readJSON reads a request's body of at most so many bytes strictly: what v does not know is refused.
func readJSON(w http.ResponseWriter, r *http.Request, most int64, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the JSON value")
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return caddy.APIError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: fmt.Errorf("the body has more than %d bytes", most)}
	case err != nil:
		return badRequest(fmt.Errorf("reading the body: %w", err))
	}
	return nil
}

func badRequest(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
}

// Interface guard.
var _ caddy.AdminRouter = admin{}
