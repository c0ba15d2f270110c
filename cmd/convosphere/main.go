// Command convosphere is the gateway: Caddy with all of the gateway's modules and sub-commands.
package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/convosphere/gateway/modules/standard"
	_ "github.com/convosphere/gateway/modules/standard/xconnect"
)

func main() {
	caddy.CustomBinaryName = "convosphere" // in help texts and completions
	caddycmd.Main()
}
