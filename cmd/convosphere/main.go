// Command convosphere is the gateway: Caddy with all of the gateway's modules and sub-commands.
package main

import (
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/convosphere/gateway/modules/standard"
	"github.com/convosphere/gateway/modules/standard/program"
	_ "github.com/convosphere/gateway/modules/standard/xconnect"
)

func main() { program.Main() }
