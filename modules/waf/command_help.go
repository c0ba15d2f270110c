package waf

import "github.com/convosphere/gateway/modules/internal/host"

func wafHelps() map[string]host.Help {
	files := []host.Words{host.Files()}
	return map[string]host.Help{
		"": {Example: "convosphere waf explain request.txt"},
		"explain": {
			Long: `Says what the rules make of a raw HTTP request, or with --socket of a WebSocket message on the socket of that path: which rules match which part, the score, and
the verdict at each paranoia level. With --config by the first gw_waf of that configuration, else by the default rules.`,
			Example: `convosphere waf explain --config Caddyfile request.txt
				convosphere waf explain --socket /api/ws message.json`, Args: files,
		},
		"replay": {
			Long:    "Says what another configuration would have made of captured requests: which would be refused now, and which would not be any more.",
			Example: "convosphere waf replay --config new.Caddyfile /var/lib/convosphere/captures", Args: files,
		},
		"tune": {
			Long:    "Proposes the narrowest exclusions for false alarms, from security events: rules that hit the same field at the same path for several people.",
			Example: "convosphere waf tune /var/lib/convosphere/events", Args: files,
		},
	}
}
