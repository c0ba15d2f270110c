package rawhead

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/wire"
)

func init() { caddy.RegisterModule(Wrapper{}) }

// Wrapper is caddy.listeners.gw_raw_head. It has no options.
type Wrapper struct{}

// CaddyModule returns the module's information.
func (Wrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.listeners.gw_raw_head", New: func() caddy.Module { return new(Wrapper) }}
}

// Provision has the server tell which connection a request came on, and when a request is done.
func (*Wrapper) Provision(ctx caddy.Context) error {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return errors.New("gw_raw_head wraps the listeners of an HTTP server")
	}
	server.RegisterConnContext(func(ctx context.Context, c net.Conn) context.Context {
		if ours := find(c); ours != nil {
			return wire.With(ctx, &ours.tracker)
		}
		return ctx
	})
	server.RegisterConnState(func(c net.Conn, state http.ConnState) {
		if state == http.StateNew || state == http.StateActive {
			return
		}
		switch ours := find(c); {
		case ours == nil:
		case state == http.StateIdle:
			ours.tracker.Answered()
		default: // hijacked or closed
			ours.tracker.Forget()
		}
	})
	return nil
}

// WrapListener implements caddy.ListenerWrapper.
func (*Wrapper) WrapListener(l net.Listener) net.Listener { return listener{l} }

// UnmarshalCaddyfile reads the name of the wrapper, which has no options:
//
//	gw_raw_head
func (*Wrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the wrapper's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		return d.Errf("unknown subdirective %q: gw_raw_head has none", d.Val())
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Wrapper)(nil)
	_ caddy.ListenerWrapper = (*Wrapper)(nil)
	_ caddyfile.Unmarshaler = (*Wrapper)(nil)
)
