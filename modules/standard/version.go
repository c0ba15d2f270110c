package standard

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/build"
)

// `version` says ours and Caddy's.
func init() {
	caddy.CustomVersion = "ConvoSphere Gateway " + build.Text() + ", Caddy"
}
