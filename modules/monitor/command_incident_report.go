package monitor

import (
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func incidentReportCommand() *cobra.Command {
	var gateway host.Admin
	var to string
	cmd := &cobra.Command{Use: "report ID", Short: "Writes what became of an incident as one page of HTML, fit for print", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.Flags().StringVarP(&to, "output", "o", "", "The file (default: standard output)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		page, err := gateway.Call(http.MethodGet, "/gateway/incidents/"+url.PathEscape(args[0])+"/report", nil, nil)
		if err != nil {
			return err
		}
		if to == "" || to == "-" {
			_, err := cmd.OutOrStdout().Write(page)
			return err
		}
		if err := os.WriteFile(to, page, 0o600); err != nil { // it may hold personal data
			return fmt.Errorf("writing the report: %w", err)
		}
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), "written to", to)
		return err
	}
	return cmd
}
