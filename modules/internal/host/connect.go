package host

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// FromConnect has a handler serve a request for which wsframe.Extended holds: as the handshake that it stands for. Every handler on the
// path of sockets begins with it, so that whichever stands outermost does it for those further in:
//
//	if wsframe.Extended(r) {
//		return host.FromConnect(h, w, r, next)
//	}
func FromConnect(h caddyhttp.MiddlewareHandler, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	s := wsframe.Stream{Body: r.Body}
	// Caddy's timeouts are for bodies: they would end a socket that is silent for a minute. The tap has its own.
	if reader, _ := caddyhttp.IdleTimeoutsFromContext(r.Context()); reader != nil {
		s.Body = reader.ReadCloser
	}
	s.Conn, _ = r.Context().Value(connKey{}).(io.Closer) // nil over HTTP/3
	return wsframe.FromConnect(w, r, s, func(w http.ResponseWriter, r *http.Request) error { return h.ServeHTTP(w, r, next) })
}

type connKey struct{}

// KeepConn has the requests of the server that a handler is provisioned for know their connection, which FromConnect asks for: the
// handlers that call the one in ServeHTTP call the other in Provision.
func KeepConn(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return // a test's own context
	}
	server.RegisterConnContext(func(ctx context.Context, c net.Conn) context.Context {
		if ctx.Value(connKey{}) != nil {
			return ctx // another handler of the same server
		}
		return context.WithValue(ctx, connKey{}, c)
	})
}
