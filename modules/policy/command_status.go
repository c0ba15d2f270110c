package policy

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
)

func statusCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "status", Short: "Says which policy the running gateway decides by", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		raw, err := gateway.Call(http.MethodGet, "/gateway/policy", nil, nil)
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(raw)
		return err
	}
	return cmd
}

func reloadCommand() *cobra.Command {
	var gateway adminFlags
	cmd := &cobra.Command{Use: "reload", Short: "Has the running gateway look for a new policy now", Args: host.NoArgs}
	cmd.Long = "Has the running gateway look at its folder or bundle now. What is no good there is an error, and what is in force stays."
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		raw, err := gateway.Call(http.MethodPost, "/gateway/policy/reload", nil, nil)
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(raw)
		return err
	}
	return cmd
}
