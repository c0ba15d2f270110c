package policy

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/policy/author"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "new FOLDER", Short: "Writes a policy to begin with, with its tests, for an API of one's own", Args: cobra.ExactArgs(1),
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
Begin with %[1]s, and say in data.json which permissions there are. Then:
  convosphere policy test --coverage %[2]s
  convosphere policy explain --policy %[2]s %[3]s
  cd %[4]s && convosphere run
`, filepath.Join(args[0], "policy", "policy.rego"), filepath.Join(args[0], "policy"), filepath.Join(args[0], "inputs", "stranger-deletes.json"), args[0])
		return err
	}
	return cmd
}
