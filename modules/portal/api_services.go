package portal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/internal/problem"
)

// serviceOperators is what operators do to services.
type serviceOperators interface {
	Services(ctx context.Context) ([]service.Service, error)
	AddService(ctx context.Context, by lifecycle.Operator, name string, roles []string, scopes string, introspect bool, jwk []byte) (made account.Account, private []byte, err error)
	SetServiceScopes(ctx context.Context, by lifecycle.Operator, id, scopes string, introspect bool) error
	AddServiceKey(ctx context.Context, by lifecycle.Operator, id string, jwk []byte) (private []byte, err error)
	RemoveServiceKey(ctx context.Context, by lifecycle.Operator, id, kid string) error
}

// Roles, disabling and erasing of a service are those of its account, below /auth/api/admin/accounts/{id}.
var serviceRoutes = map[string]route{
	"/auth/api/admin/services":                 {permission: admin, methods: methods{"GET": (*Handler).listServices, "POST": (*Handler).addService}},
	"/auth/api/admin/services/{id}":            {permission: admin, methods: methods{"PATCH": (*Handler).changeService}},
	"/auth/api/admin/services/{id}/keys":       {permission: admin, methods: methods{"POST": (*Handler).addServiceKey}},
	"/auth/api/admin/services/{id}/remove-key": {permission: admin, methods: methods{"POST": (*Handler).removeServiceKey}},
}

// serviceJSON is one service as operators see it.
type serviceJSON struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Roles      []string         `json:"roles"`
	Scopes     []string         `json:"scopes"`
	Introspect bool             `json:"introspect"`
	Disabled   bool             `json:"disabled"`
	CreatedAt  string           `json:"created_at"`
	Keys       []serviceKeyJSON `json:"keys"`
}

type serviceKeyJSON struct {
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	CreatedAt string `json:"created_at"`
	UsedAt    string `json:"used_at,omitempty"`
}

func (h *Handler) listServices(c *call) error {
	all, err := h.identity.Services(c.r.Context())
	if err != nil {
		return err
	}
	out := make([]serviceJSON, 0, len(all))
	for _, s := range all {
		j := serviceJSON{s.Account, s.Name, s.Roles, s.Scopes, s.Introspect, s.Disabled, stamp(s.CreatedAt), make([]serviceKeyJSON, 0, len(s.Keys))}
		for _, k := range s.Keys {
			key := serviceKeyJSON{ID: k.ID, Algorithm: k.Algorithm, CreatedAt: stamp(k.CreatedAt)}
			if !k.UsedAt.IsZero() {
				key.UsedAt = stamp(k.UsedAt)
			}
			j.Keys = append(j.Keys, key)
		}
		out = append(out, j)
	}
	return c.writeJSON(map[string]any{"services": out})
}

// truth reads a text that is "true", "false" or not there.
func truth(in map[string]string, name string) (bool, error) {
	switch in[name] {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, &badBody{http.StatusUnprocessableEntity, name + ` must be "true" or "false"`}
}

// addService answers with the private key where none was brought, this once.
func (h *Handler) addService(c *call) error {
	in, err := c.fields("name", "roles", "scopes", "introspect", "key")
	if err != nil {
		return err
	}
	if err := need(in, "name", "roles", "scopes"); err != nil {
		return err
	}
	introspect, err := truth(in, "introspect")
	if err != nil {
		return err
	}
	made, private, err := h.identity.AddService(c.r.Context(), c.operator(), in["name"], split(in["roles"]), in["scopes"], introspect, []byte(in["key"]))
	if err != nil {
		return named(err)
	}
	return c.writeJSON(withKey(map[string]any{"id": made.ID, "name": made.Name}, private))
}

func withKey(out map[string]any, private []byte) map[string]any {
	if private != nil {
		out["private_key"] = json.RawMessage(private)
	}
	return out
}

func (h *Handler) changeService(c *call) error {
	in, err := c.fields("scopes", "introspect")
	if err != nil {
		return err
	}
	if err := need(in, "scopes", "introspect"); err != nil {
		return err
	}
	introspect, err := truth(in, "introspect")
	if err != nil {
		return err
	}
	return c.done(h.identity.SetServiceScopes(c.r.Context(), c.operator(), c.id, in["scopes"], introspect))
}

func (h *Handler) addServiceKey(c *call) error {
	in, err := c.fields("key")
	if err != nil {
		return err
	}
	private, err := h.identity.AddServiceKey(c.r.Context(), c.operator(), c.id, []byte(in["key"]))
	if err != nil {
		return err
	}
	return c.writeJSON(withKey(map[string]any{}, private))
}

func (h *Handler) removeServiceKey(c *call) error {
	in, err := c.fields("kid")
	if err != nil {
		return err
	}
	if err := need(in, "kid"); err != nil {
		return err
	}
	return c.done(h.identity.RemoveServiceKey(c.r.Context(), c.operator(), c.id, in["kid"]))
}

// serviceProblem says what an operator learns of an error about services.
func serviceProblem(err error) (problem.Problem, bool) {
	switch {
	case errors.Is(err, service.ErrNotFound):
		return problem.Problem{Status: http.StatusNotFound, Type: "no-such-service", Title: "There is no such service or key"}, true
	case errors.Is(err, service.ErrKey): // what is wrong with a key says nothing of it
		reason := strings.TrimPrefix(err.Error(), service.ErrKey.Error()+": ")
		return problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-key", Title: "The key can't be used", Extra: map[string]any{"reason": reason}}, true
	case errors.Is(err, service.ErrMany):
		return problem.Problem{Status: http.StatusConflict, Type: "too-many-keys", Title: "The service has as many keys as it may"}, true
	}
	return problem.Problem{}, false
}
