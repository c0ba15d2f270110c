package policy

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/author"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "new FOLDER", Short: "Writes a policy to begin with, with its tests, for an API of one's own", Args: host.ExactArgs(1),
		Long: `Writes into a new folder: a commented policy for an API of notes with data and tests (policy), a Caddyfile that uses it, and inputs to try it
with (inputs).`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		written, err := author.New(args[0])
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, name := range written {
			fmt.Fprintln(out, name)
		}
		_, err = fmt.Fprintf(out, `
Begin with policy/policy.rego there, and say in policy/data.json which permissions there are. Then:
  cd %s
  convosphere policy test --coverage policy
  convosphere policy explain --policy policy inputs/stranger-deletes.json
  convosphere run
`, args[0])
		return err
	}
	return cmd
}
