package secure

import (
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() { caddy.RegisterModule(Headers{}) }

// Headers is http.handlers.gw_headers: security headers on every answer, errors included.
type Headers struct {
	// Values by header name, instead of the defaults. "off" leaves the header out.
	Set map[string]string `json:"set,omitempty"`

	fixed, missing []header
	hsts           string
}

type header struct{ name, value string }

// What an answer gets where the back end did not say otherwise. The policy stops framing, plug-ins and base hijacking and
// breaks no page; a back end that knows its own scripts sends a stricter one, which stands.
var defaults = []header{
	{"Content-Security-Policy", "frame-ancestors 'self'; object-src 'none'; base-uri 'self'"},
	{"X-Frame-Options", "SAMEORIGIN"},
	{"Referrer-Policy", "strict-origin-when-cross-origin"},
	{"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
}

const (
	hstsName    = "Strict-Transport-Security"
	hstsDefault = "max-age=31536000"
)

// hidden tells outsiders nothing they need.
var hidden = []string{"Server", "X-Powered-By", "X-Aspnet-Version"}

// CaddyModule returns the module's information.
func (Headers) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_headers", New: func() caddy.Module { return new(Headers) }}
}

// Provision works out what to set.
func (h *Headers) Provision(caddy.Context) error {
	h.hsts = hstsDefault
	known := map[string]bool{hstsName: true}
	for _, d := range defaults {
		known[d.name] = true
		v, ok := h.Set[d.name]
		switch {
		case !ok:
			h.missing = append(h.missing, d)
		case v != "off":
			h.missing = append(h.missing, header{d.name, v})
		}
	}
	if v, ok := h.Set[hstsName]; ok {
		h.hsts = v
		if v == "off" {
			h.hsts = ""
		}
	}
	for name, v := range h.Set {
		if !known[name] && v != "off" {
			h.missing = append(h.missing, header{http.CanonicalHeaderKey(name), v})
		}
	}
	h.fixed = []header{{"X-Content-Type-Options", "nosniff"}}
	return nil
}

// ServeHTTP passes on with a writer that adds the headers when the answer's own are known.
func (h *Headers) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	hsts := h.hsts
	if r.TLS == nil || isLocal(r.Host) {
		hsts = "" // a browser would then refuse plain HTTP on every port of localhost
	}
	hw := &headerWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, h: h, hsts: hsts}
	err := next.ServeHTTP(hw, r)
	if err != nil && !hw.done {
		hw.add() // Caddy writes the error itself, on the writer outside of ours
	}
	return err
}

func isLocal(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.ToLower(strings.Trim(host, "[]."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}

type headerWriter struct {
	*caddyhttp.ResponseWriterWrapper
	h    *Headers
	hsts string
	done bool
}

func (w *headerWriter) add() {
	w.done = true
	out := w.Header()
	for _, name := range hidden {
		out.Del(name)
	}
	for _, f := range w.h.fixed {
		out.Set(f.name, f.value)
	}
	if w.hsts != "" {
		out.Set(hstsName, w.hsts)
	}
	for _, m := range w.h.missing {
		if len(out[m.name]) == 0 {
			out[m.name] = []string{m.value}
		}
	}
}

// WriteHeader adds the headers to the final answer; informational ones (but for 101, which is final) pass as they are.
func (w *headerWriter) WriteHeader(status int) {
	if !w.done && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.add()
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

func (w *headerWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.add()
	}
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom keeps the server's own fast copy.
func (w *headerWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.done {
		w.add()
	}
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError is what http.ResponseController calls: a flush writes the headers, so ours must be there.
func (w *headerWriter) FlushError() error {
	if !w.done {
		w.add()
	}
	return http.NewResponseController(w.ResponseWriterWrapper.ResponseWriter).Flush()
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	headers {
//		<Header-Name> <value> | off
//	}
func (h *Headers) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := http.CanonicalHeaderKey(d.Val())
		var value string
		if !d.Args(&value) || d.NextArg() {
			return d.Errf("headers: write `%s VALUE` or `%s off`", name, name)
		}
		if h.Set == nil {
			h.Set = map[string]string{}
		}
		h.Set[name] = value
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Headers)(nil)
	_ caddyfile.Unmarshaler       = (*Headers)(nil)
	_ caddyhttp.MiddlewareHandler = (*Headers)(nil)
	_ http.ResponseWriter         = (*headerWriter)(nil)
)
