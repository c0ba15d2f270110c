package monitor

import (
	"errors"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

const reportSecurityHelp = `
The figures of a time, beside those of the time before it, as long: requests by what became of them and by who refused them, availability, sign-ins, detection and
false alarms, times to detect, respond and close, what security costs per request, and how much of what is asked for a route of the policy names.

--from and --to are a day (2026-01-31), a moment (2026-01-31T12:00:00Z) or so long ago (-24h, -30d). Days and hours are UTC's.`

func reportSecurityCommand() *cobra.Command {
	var gateway host.Admin
	var from, to, format, out string
	cmd := &cobra.Command{Use: "security", Short: "How well attacks are found and refused, and what that costs", Long: reportSecurityHelp, Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().StringVar(&from, "from", "-7d", "From when on")
	cmd.Flags().StringVar(&to, "to", "", "Until when (default: now)")
	cmd.Flags().StringVar(&format, "format", "html", "html, json or csv")
	cmd.Flags().StringVarP(&out, "output", "o", "", "The file to write (default: standard output)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, ok := reportFormats[format]; !ok {
			return errors.New("--format is html, json or csv")
		}
		raw, err := gateway.Call(http.MethodGet, "/gateway/reports/security?"+url.Values{"from": {from}, "to": {to}, "format": {format}}.Encode(), nil, nil)
		if err != nil {
			return err
		}
		return writeReport(cmd, out, raw)
	}
	return cmd
}

// writeReport writes a report where it is wanted. It may tell what others should not read.
func writeReport(cmd *cobra.Command, file string, raw []byte) error {
	if file == "" || file == "-" {
		_, err := cmd.OutOrStdout().Write(raw)
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}
