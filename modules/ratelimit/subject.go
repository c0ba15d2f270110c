package ratelimit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// clientKey is who is calling by address. Without gw_client it is what Caddy's trusted_proxies make of it.
func clientKey(r *http.Request, rc *reqctx.Request) string {
	if rc.Client.IP.IsValid() {
		return rc.Client.Key()
	}
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	ip, err := netip.ParseAddr(text)
	if err != nil {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return "unknown" // a unix socket, say: all of it is one client
		}
		ip = peer.Addr()
	}
	return reqctx.Client{IP: ip.Unmap().WithZone("")}.Key()
}

// subject is what a key says of the request. Each part is led by its word, so that no user is named as an address is counted.
func subject(spec []string, r *http.Request, rc *reqctx.Request, client string) limit.Subject {
	var space [8]string
	parts := space[:0]
	for _, k := range spec {
		switch id := rc.Identity; {
		case k == "host":
			parts = append(parts, k, strings.ToLower(r.Host))
		case k == "global":
			parts = append(parts, k)
		case k == "user" && id != nil:
			parts = append(parts, k, id.Subject)
		case k == "session" && id != nil:
			parts = append(parts, k, id.Session)
		case k == "role" && id != nil:
			parts = append(parts, k, strings.Join(slices.Sorted(slices.Values(id.Roles)), "\x00"))
		default:
			parts = append(parts, "client", client)
		}
	}
	return limit.NewSubject(parts...)
}
