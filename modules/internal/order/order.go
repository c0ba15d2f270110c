// Package order registers, once, where each of our directives stands on the path of a request.
//
// Handler packages import it for effect, so that a build with a single one of them has its order too.
package order

import "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

// The path of a request, outermost first. Caddy wants each directive anchored to one of its own, so the
// list is cut in two at encode: what reads bodies must stand inside it, where they are not compressed.
var (
	outsideEncode = []string{
		"gw_health",       // probes: outermost, since they are no events, count nowhere and need no identity
		"gw_secure",       // the whole path in one directive, encode included
		"gw_audit",        // recovers panics, renders errors, writes the event
		"gw_client",       // who is calling; strips forged headers
		"gw_authenticate", // who they say they are
		"gw_rate_limit",   // how much
	}
	insideEncode = []string{
		"gw_waf",       // is it an attack
		"gw_portal",    // login and account pages (terminal)
		"gw_console",   // the security console (terminal)
		"gw_authorize", // may they
		"gw_validate",  // is it well formed
		"gw_upload",    // are its files what they seem, and clean
		"gw_protect",   // fields encrypted for the back end; inmost, so that all others see plaintext
	}
)

func init() {
	// Each is put directly before the anchor, so the last one registered stands nearest to it.
	for _, d := range outsideEncode {
		httpcaddyfile.RegisterDirectiveOrder(d, httpcaddyfile.Before, "encode")
	}
	for _, d := range insideEncode {
		httpcaddyfile.RegisterDirectiveOrder(d, httpcaddyfile.Before, "push")
	}
}
