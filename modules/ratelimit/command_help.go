package ratelimit

import "github.com/convosphere/gateway/modules/internal/host"

func limitHelps() map[string]host.Help {
	zones := host.Rows("limits", "zone", "limit")
	return map[string]host.Help{
		"": {Example: "convosphere limit top"},
		"status": {Example: `convosphere limit status client=192.0.2.1
			convosphere limit status user=USER-ID client=192.0.2.1`, Args: []host.Words{host.Choice("client=", "user=", "session=", "role=", "tier=", "token=", "route=", "host=", "country=")}},
		"top":      {Example: "convosphere limit top --by spent --zone client", Flags: map[string]host.Words{"by": host.Choice("refused", "spent"), "zone": zones}},
		"simulate": {Example: "convosphere limit simulate --config new.Caddyfile /var/lib/convosphere/events", Args: []host.Words{host.Files()}},
	}
}
