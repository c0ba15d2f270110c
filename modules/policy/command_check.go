package policy

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/author"
)

func checkCommand() *cobra.Command {
	var uses policyFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check FOLDER", Short: "Finds what would keep a policy from being put in force", Args: host.ExactArgs(1),
		Long: `Parses and compiles the policy in a folder with its tests, strictly, holds what it names of the input to what the gateway gives, and
asks it once. So it finds fields that the data want masked where no rule looks at them. The tests are not run: test does.`,
	}
	uses.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		src, err := policySource(args[0])
		if err != nil {
			return false, err
		}
		found, err := author.Check(cmd.Context(), src, uses.options()...)
		switch {
		case err != nil:
		case asJSON:
			err = host.PrintJSON(cmd.OutOrStdout(), map[string]any{"problems": append([]author.Problem{}, found...)})
		case len(found) == 0:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing amiss\n", args[0])
		default:
			err = author.Problems(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()), args[0], found)
		}
		return len(found) > 0, err
	})
	return cmd
}
