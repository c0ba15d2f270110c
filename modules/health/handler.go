package health

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/health"
)

// ServeHTTP answers probes. All other requests pass on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.URL.Path != h.Live && r.URL.Path != h.Ready {
		return next.ServeHTTP(w, r)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return answer(w, r, http.StatusMethodNotAllowed, health.Summary{Status: "GET and HEAD alone"})
	}
	if r.URL.Path == h.Live {
		// That it answers is the answer: a process whose parts have failed is not mended by ending it.
		return answer(w, r, http.StatusOK, health.Summary{Ready: true, Status: "alive"})
	}
	defer h.ground.Hold()()
	var parts *health.Set
	if h.ground != nil {
		parts = h.ground.Health
	}
	s := parts.Summarize(r.Context(), h.Require, shuttingDown(r))
	if !h.Details && !fromHere(r) {
		s.Parts = nil
	}
	status := http.StatusOK
	if !s.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Connection", "close") // of who watches: the next look is a new connection, which tells whether there is anybody
	}
	return answer(w, r, status, s)
}

func answer(w http.ResponseWriter, r *http.Request, status int, s health.Summary) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(raw, '\n')) // who asked has gone: nobody is left to tell
	}
	return nil
}

// shuttingDown tells whether the process ends, or only the listener that the request came by, as after a reload that names another address.
func shuttingDown(r *http.Request) bool {
	if caddy.Exiting() {
		return true
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	down, _ := repl.Get("http.shutting_down")
	return down == true
}

// fromHere tells whether who asks is on this machine, as far as that can be known: what a proxy on it passes on comes from elsewhere.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-Ip", "Via"} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
