package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// sessionLists is what gw_portal asks of the app gw_identity about where a person is signed in.
type sessionLists interface {
	Sessions(ctx context.Context, id *reqctx.Identity) ([]session.Open, error)
	EndSession(ctx context.Context, id *reqctx.Identity, sid string) error
	EndSessions(ctx context.Context, id *reqctx.Identity, current bool) error
	Devices(ctx context.Context, id *reqctx.Identity) (all []device.Device, current string, err error)
	ForgetDevice(ctx context.Context, id *reqctx.Identity, device string) error
}

var sessionRoutes = map[string]route{
	"/auth/api/account/sessions":      {permission: self, methods: methods{"GET": (*Handler).listSessions, "DELETE": (*Handler).endSessions}},
	"/auth/api/account/sessions/{id}": {permission: self, methods: methods{"DELETE": (*Handler).endSession}},
	"/auth/api/account/devices":       {permission: self, methods: methods{"GET": (*Handler).listDevices}},
	"/auth/api/account/devices/{id}":  {permission: self, methods: methods{"DELETE": (*Handler).forgetDevice}},
}

// openSession is a session as the API shows it; device and agent are shared with knownDevice.
type openSession struct {
	ID         string `json:"id"`
	Current    bool   `json:"current"`
	Browser    string `json:"browser"`
	OS         string `json:"os"`
	Kind       string `json:"kind"`
	Country    string `json:"country"`
	IP         string `json:"ip"`
	CreatedAt  string `json:"created_at"`
	UsedAt     string `json:"used_at"`
	EndsAt     string `json:"ends_at"`
	Remembered bool   `json:"remembered"`
	Device     string `json:"device"`
}

func (h *Handler) listSessions(c *call) error {
	open, err := h.identity.Sessions(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	all := make([]openSession, len(open))
	for i, o := range open {
		s := openSession{
			ID: o.ID, Current: o.Current, Country: o.Country, IP: o.IP, CreatedAt: stamp(o.CreatedAt), UsedAt: stamp(o.UsedAt), EndsAt: stamp(o.EndsAt),
			Remembered: o.Remembered, Device: o.Device,
		}
		s.Browser, s.OS, s.Kind = device.Agent(o.UserAgent)
		all[i] = s
	}
	return c.writeJSON(map[string]any{"sessions": all})
}

func (h *Handler) endSession(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	if err := h.identity.EndSession(c.r.Context(), c.rc.Identity, c.id); err != nil {
		return err
	}
	c.gone(c.id == c.rc.Identity.Session)
	return nil
}

func (h *Handler) endSessions(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	current := false
	switch v := c.r.URL.Query()["current"]; {
	case len(v) == 1 && v[0] == "true":
		current = true
	case len(v) != 0 && (len(v) > 1 || v[0] != "false"):
		return &badBody{http.StatusUnprocessableEntity, `current must be "true" or "false"`}
	}
	if err := h.identity.EndSessions(c.r.Context(), c.rc.Identity, current); err != nil {
		return err
	}
	c.gone(current)
	return nil
}

// gone answers 204; own says that the caller's session has ended, too.
func (c *call) gone(own bool) {
	if own && c.rc.Identity.Cookie {
		clearCookies(c.w)
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// knownDevice is a device as the API shows it.
type knownDevice struct {
	ID           string `json:"id"`
	Current      bool   `json:"current"`
	Browser      string `json:"browser"`
	OS           string `json:"os"`
	Kind         string `json:"kind"`
	Country      string `json:"country"`
	IP           string `json:"ip"`
	CreatedAt    string `json:"created_at"`
	UsedAt       string `json:"used_at"`
	TrustedUntil string `json:"trusted_until,omitempty"`
}

func (h *Handler) listDevices(c *call) error {
	known, current, err := h.identity.Devices(c.r.Context(), c.rc.Identity)
	if err != nil {
		return err
	}
	all := make([]knownDevice, len(known))
	for i, k := range known {
		d := knownDevice{ID: k.ID, Current: k.ID == current, Country: k.Country, IP: k.IP, CreatedAt: stamp(k.CreatedAt), UsedAt: stamp(k.UsedAt)}
		if k.TrustedUntil.After(time.Now()) {
			d.TrustedUntil = stamp(k.TrustedUntil)
		}
		d.Browser, d.OS, d.Kind = device.Agent(k.UserAgent)
		all[i] = d
	}
	return c.writeJSON(map[string]any{"devices": all})
}

func (h *Handler) forgetDevice(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	if err := h.identity.ForgetDevice(c.r.Context(), c.rc.Identity, c.id); err != nil {
		return err
	}
	c.gone(false)
	return nil
}
