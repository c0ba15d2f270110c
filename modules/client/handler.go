package client

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/redact"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// ServeHTTP tells who is calling, cleans the request and passes it on, or refuses it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if wsframe.Extended(r) {
		return host.FromConnect(h, w, r, next)
	}
	defer h.ground.Hold()()
	r, rc := reqctx.Ensure(r)
	next = rc.Cost.Begin(cost.Client, next)
	defer rc.Cost.End()
	rc.Client = identify(r)
	if b, ok := h.banned(r, rc); ok {
		return h.turnAway(w, r, rc, b)
	}
	if h.ground != nil {
		rc.Client.Country = h.ground.Places.Country(rc.Client.IP)
		rc.Client.Risk = h.ground.Risk.Of(rc.Client.IP, "")
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		ip := ""
		if rc.Client.IP.IsValid() {
			ip = rc.Client.IP.String()
		}
		repl.Set("http.gw.client.ip", ip)
	}
	if doubtful(r) {
		closeAfter(w, r)
	}
	if no := h.check(r); no != nil {
		return h.refuse(w, r, no)
	}
	h.strip(r, rc)
	if !hops(r) {
		return h.refuse(w, r, &refusal{"upgrade", problem.Problem{
			Status: http.StatusBadRequest, Title: "The upgrade is not a WebSocket handshake",
		}})
	}
	if h.ground != nil && h.ground.Bans != nil && wsframe.IsHandshake(r) {
		w, r = h.guard(w, r, rc)
	}
	if r.Body == nil || r.Body == http.NoBody {
		r.Trailer = nil // without a body there is no place for them
		return next.ServeHTTP(w, r)
	}
	return h.withBody(w, r, rc, next)
}

// withBody passes on a request that has a body, under the limit.
func (h *Handler) withBody(w http.ResponseWriter, r *http.Request, rc *reqctx.Request, next caddyhttp.Handler) error {
	// A copy: net/http goes on writing trailers into the request it made, which may be this one.
	r = r.WithContext(r.Context())
	b := &body{ReadCloser: http.MaxBytesReader(w, r.Body, h.MaxBody), ctx: r.Context()}
	fill, forged := h.ownTrailers(r)
	if forged {
		stripped.WithLabelValues("trailer").Inc()
		h.forged(r, rc, "identity-header-stripped", "the client sent an identity trailer")
	}
	b.trailers, r.Body = fill, b
	err := next.ServeHTTP(w, r)
	if failed := b.failed.Load(); failed != nil {
		refused.WithLabelValues(reason(failed.StatusCode)).Inc()
		if err != nil { // nothing was answered yet: the client's fault is the better answer
			closeAfter(w, r)
			return *failed
		}
	}
	return err
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, no *refusal) error {
	refused.WithLabelValues(no.reason).Inc()
	if rc := reqctx.From(r.Context()); rc != nil {
		rc.Refused = no.reason
	}
	closeAfter(w, r) // what follows on the connection may belong to what was refused
	problem.Write(w, r, no.problem)
	return nil
}

// closeAfter ends an HTTP/1 connection with its answer. HTTP/2 and 3 have no such header, and no need: a stream is its own.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// doubtful tells whether the request might have been framed in two ways without a handler's seeing it: doc.go says how.
func doubtful(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0)
}

// strip takes out the headers that are not the client's to send. The request goes on without them: proxies in front and old
// programs send such headers in good faith.
func (h *Handler) strip(r *http.Request, rc *reqctx.Request) {
	found := h.names.strip(r.Header, fromTrustedProxy(r))
	if found[claimProxy] {
		stripped.WithLabelValues("proxy").Inc() // no event: many an office's proxy names itself
	}
	if found[claimOverride] {
		stripped.WithLabelValues("override").Inc()
		h.forged(r, rc, "override-header-stripped", "the client sent a header that names another path or method")
	}
	if found[claimIdentity] {
		stripped.WithLabelValues("header").Inc()
		h.forged(r, rc, "identity-header-stripped", "the client sent an identity header")
	}
}

// forged records that the client said what it may not say.
func (h *Handler) forged(r *http.Request, rc *reqctx.Request, action, reason string) {
	if h.ground == nil {
		return
	}
	h.ground.Events.Emit((&event.Event{
		Category: "web", Action: action, Outcome: event.Success, Reason: reason,
		Method: r.Method, Host: route.Hostname(r.Host), Path: redact.Path(r.URL.EscapedPath(), ""), UserAgent: r.UserAgent(),
	}).About(rc))
}

// identify reads what Caddy made of the peer and its trusted proxies; without Caddy's server, the peer itself.
func identify(r *http.Request) reqctx.Client {
	peer := address(r.RemoteAddr)
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	c := reqctx.Client{IP: address(ip), Led: led(r)}
	if ip == "" {
		c.IP = peer
	}
	if fromTrustedProxy(r) && peer != c.IP {
		c.Proxy = peer
	}
	return c
}

// led tells whether another site's page had the browser send the request, as browsers say of each (Fetch Metadata).
func led(r *http.Request) bool {
	from := r.Header.Get("Sec-Fetch-Site")
	return from == "cross-site" || from == "same-site"
}

// fromTrustedProxy asks what Caddy's own proxy asks. Client.Proxy does not say it of a Unix socket, nor of a proxy that calls for itself.
func fromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// address reads an address with or without port, unmapped and without zone; zero where it is none.
func address(s string) netip.Addr {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return ip.WithZone("").Unmap()
}
