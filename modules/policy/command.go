package policy

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "policy",
		Usage:     "COMMAND",
		Short:     "Writes, tests, explains and replays policies",
		Long:      policyHelp,
		CobraFunc: policyCommand,
	})
}

const policyHelp = `
Tools for who writes the policy that the gateway decides by.

The exit code is 0 when nothing is amiss, 1 on an error, and 3 where a command found something: a test that fails, a decision that flips, a field that is not classified.`

// commands are those below `convosphere policy`.
var commands = []func() *cobra.Command{
	newCommand,
	checkCommand,
	testCommand,
	fmtCommand,
	benchCommand,
	explainCommand,
	replayCommand,
	logCommand,
	buildCommand,
	dataCommand,
	fieldsCommand,
	statusCommand,
	reloadCommand,
}

func policyCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range commands {
		cmd.AddCommand(c())
	}
	host.Describe(cmd, policyHelps())
}
