package monitor

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "report", Usage: "security|compliance|access", Short: "Makes reports of what a running gateway knows: to be read, printed, or read by programs", Long: reportHelp, CobraFunc: reportCommand,
	})
}

const reportHelp = `
Asks a running gateway, over its admin address, for a report: as HTML that is one file, runs nothing and is fit for print, as JSON, or as CSV.`

func reportCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(reportSecurityCommand(), reportComplianceCommand(), reportAccessCommand())
	host.Describe(cmd, reportHelps())
}
