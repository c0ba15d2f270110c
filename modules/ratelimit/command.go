package ratelimit

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "limit",
		Usage:     "COMMAND",
		Short:     "Tells what rate limits do, and what others would have done",
		Long:      limitHelp,
		CobraFunc: limitCommand,
	})
}

const limitHelp = `
Tools for who sets the limits of gw_rate_limit.

The exit code is 0 when nothing is amiss, 1 on an error, and 3 where a command found something: a request that other limits would have refused.`

// commands are those below `convosphere limit`.
var commands = []func() *cobra.Command{
	statusCommand,
	topCommand,
	simulateCommand,
}

func limitCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range commands {
		cmd.AddCommand(c())
	}
	host.Describe(cmd, limitHelps())
}
