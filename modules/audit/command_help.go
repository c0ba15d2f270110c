package audit

import "github.com/convosphere/gateway/modules/internal/host"

func auditHelps() map[string]host.Help {
	return map[string]host.Help{
		"":       {Example: "convosphere audit verify --config /etc/convosphere/Caddyfile"},
		"verify": {Example: "convosphere audit verify --data /var/lib/convosphere"},
		"prove":  {Example: "convosphere audit prove EVENT-ID --data /var/lib/convosphere"},
		"export": {Example: "convosphere audit export --data /var/lib/convosphere --since 2026-11-01"},
		"tail":   {Example: "convosphere audit tail --follow --data /var/lib/convosphere"},
	}
}
