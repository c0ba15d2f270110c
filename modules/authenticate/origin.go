package authenticate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// crossSite tells whether a request that changes something came from another site's page. Only asked where the browser attached the
// credential by itself.
func (h *Handler) crossSite(r *http.Request) bool {
	if len(r.Header["Origin"]) > 1 || len(r.Header["Sec-Fetch-Site"]) > 1 {
		return true // no browser does so
	}
	if h.csrf.Check(r) != nil {
		return true
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	// Without Sec-Fetch-Site the library compares hosts only; the scheme counts too.
	origin := r.Header.Get("Origin")
	return r.Header.Get("Sec-Fetch-Site") == "" && origin != "" && !h.allowed(r, origin)
}

// foreignSocket tells whether a WebSocket handshake came from another site's page (RFC 6455 section 10.2). Programs send
// no Origin; with a cookie identity there is a browser, which does.
func (h *Handler) foreignSocket(r *http.Request, cookie bool) bool {
	switch origins := r.Header["Origin"]; len(origins) {
	case 0:
		return cookie
	case 1:
		return !h.allowed(r, origins[0])
	}
	return true
}

// allowed tells whether origin is the request's own, or configured.
func (h *Handler) allowed(r *http.Request, origin string) bool {
	o, ok := parseOrigin(origin)
	if !ok {
		return false
	}
	own, ok := parseOrigin(scheme(r) + "://" + r.Host)
	return ok && o == own || h.origins[o]
}

// scheme is what the browser's address bar says: a trusted proxy that ended TLS knows better than the connection.
func scheme(r *http.Request) string {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if p := r.Header["X-Forwarded-Proto"]; len(p) == 1 && (p[0] == "http" || p[0] == "https") {
			return p[0]
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// parseOrigin writes an origin as browsers do (RFC 6454 section 6.1): lower case, without the scheme's own port.
func parseOrigin(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#") {
		return "", false
	}
	host, port := strings.ToLower(u.Host), map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if port == "" || u.Hostname() == "" {
		return "", false
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, port), true
}
