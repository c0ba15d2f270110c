package policy

import (
	"net/http"

	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "status", Short: "Says which policy the running gateway decides by", Args: cobra.NoArgs}
	gateway.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		raw, err := gateway.call(http.MethodGet, "/gateway/policy", nil, nil)
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(raw)
		return err
	}
	return cmd
}
