package wsframe

import (
	"encoding/base64"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// IsHandshake tells whether r is a WebSocket handshake (RFC 6455 section 4.2.1): a GET without a body, whose Connection lists
// "upgrade", with exactly one each of Upgrade (the one word "websocket"), Sec-WebSocket-Version (13) and Sec-WebSocket-Key (16 bytes in base64);
// over HTTP/1.1, or made by FromConnect.
//
// It is stricter than what reverse proxies make a tunnel of, which is what Upgrading tells. Whoever stands outermost must refuse
// every request that is Upgrading and not IsHandshake; then no tunnel opens that Attach was not asked for.
func IsHandshake(r *http.Request) bool {
	if r.Method != http.MethodGet || (r.ProtoMajor != 1 || r.ProtoMinor < 1) && exchangeOf(r) == nil {
		return false
	}
	// A body would be sent on as a body and then, once hijacked, be read again as frames.
	if r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
		return false
	}
	if !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") {
		return false
	}
	upgrade, ok := single(r.Header, "Upgrade")
	if !ok || !strings.EqualFold(upgrade, "websocket") {
		return false
	}
	if version, ok := single(r.Header, "Sec-Websocket-Version"); !ok || version != "13" {
		return false
	}
	k, ok := single(r.Header, "Sec-Websocket-Key")
	if !ok {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(k)
	return err == nil && len(raw) == 16
}

// Upgrading tells whether a reverse proxy (Caddy's, and net/http/httputil's) would ask the back end to switch protocols for r, and so
// open a tunnel on a 101: over HTTP/1, "upgrade" among the words of Connection and any Upgrade; over HTTP/2 and
// HTTP/3, an extended CONNECT (RFC 8441, RFC 9220). An Upgrade that Connection does not name is dropped by proxies and opens nothing.
func Upgrading(r *http.Request) bool {
	if httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") && len(r.Header["Upgrade"]) > 0 {
		return true
	}
	return protocol(r) != ""
}

// single returns the value of a header that stands there exactly once. Names are canonical, as the server made them.
func single(h http.Header, name string) (string, bool) {
	v := h[name]
	if len(v) != 1 {
		return "", false
	}
	return strings.Trim(v[0], " \t"), true
}

// deleteFold deletes a header in whatever case it is spelled: handlers may have put one there past canonicalization.
func deleteFold(h http.Header, name string) {
	for k := range h {
		if strings.EqualFold(k, name) {
			delete(h, k)
		}
	}
}

// extended tells whether an answer accepts an extension; the reverse proxy spells the header its own way.
func extended(h http.Header) bool {
	for k, v := range h {
		if strings.EqualFold(k, "Sec-WebSocket-Extensions") && len(v) > 0 && strings.Trim(strings.Join(v, ""), ", \t") != "" {
			return true
		}
	}
	return false
}
