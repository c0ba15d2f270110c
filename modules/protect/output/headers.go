package output

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// before are the headers that were there when the handlers further in were called.
type before struct {
	name  []string
	value [][]string
}

func headersBefore(h http.Header) (b before) {
	b.name, b.value = make([]string, 0, len(h)), make([][]string, 0, len(h))
	for k, v := range h {
		b.name, b.value = append(b.name, k), append(b.value, v)
	}
	return b
}

// restore takes away what came from further in, but for the headers that are spared.
func (b *before) restore(h http.Header, spare func(string) bool) {
	for k := range h {
		if !slices.Contains(b.name, k) && !spare(k) {
			delete(h, k)
		}
	}
	for i, k := range b.name {
		if !spare(k) {
			h[k] = b.value[i]
		}
	}
}

func none(string) bool { return false }

// spared are headers of an answer that was replaced which say nothing of it, and that clients go by.
func spared(name string) bool {
	switch name {
	case "Retry-After", "Set-Cookie", "Vary", "Www-Authenticate", "Allow", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers":
		return true
	}
	return false
}

// remove takes hidden headers away, also from trailers.
func (h *hidden) remove(from http.Header) {
	for k := range from {
		if name := strings.TrimPrefix(k, http.TrailerPrefix); h.has(name) {
			delete(from, k)
		}
	}
}

// digests speak of the body as it came.
var digests = []string{"Content-Length", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"}

// unmeasure takes away what does not hold for a body that is changed. An entity tag does: the same body is always changed in the same way.
func (w *writer) unmeasure(h http.Header) {
	for _, k := range digests {
		delete(h, k)
	}
}

func contentLength(h http.Header) int64 {
	if v := h["Content-Length"]; len(v) == 1 {
		if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	return -1
}

// commit sends status and headers. What the back end set since as announced trailers stays for the end.
func (w *writer) commit() {
	h := w.ResponseWriter.Header()
	type trailer struct {
		name  string
		value []string
	}
	var later []trailer
	for _, list := range h["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if v, ok := h[name]; ok {
				later = append(later, trailer{name, v})
				delete(h, name)
			}
		}
	}
	w.ResponseWriter.WriteHeader(w.status)
	for _, t := range later {
		h[t.name] = t.value
	}
}

// redirect takes the address of the inside out of what leads a client somewhere. Where the gateway itself is reached at such an address, as at
// home, nothing is.
func (f *Filter) redirect(h http.Header, r *http.Request) {
	if f.options.Redirects != Local || h["Location"] == nil && h["Content-Location"] == nil {
		return
	}
	if inner(r.Host) {
		return
	}
	for _, k := range []string{"Location", "Content-Location"} {
		for i, v := range h[k] {
			u, err := url.Parse(v)
			if err != nil || u.Host == "" || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || !inner(u.Host) {
				continue
			}
			u.Scheme, u.Host, u.User = "", "", nil
			if u.Path == "" {
				u.Path = "/"
			}
			h[k][i] = "/" + strings.TrimLeft(u.String(), "/") // never two slashes, which would name another host
		}
	}
}

// inner tells whether a host can't be one that the world knows: a private address, a name without a dot, a name of an inner zone.
func inner(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") {
		return true
	}
	for _, zone := range []string{".localhost", ".local", ".internal", ".lan", ".svc", ".consul", ".home.arpa"} {
		if strings.HasSuffix(host, zone) {
			return true
		}
	}
	return strings.Contains(host, ".svc.cluster.")
}
