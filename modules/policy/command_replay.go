package policy

import (
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/replay"
)

func replayCommand() *cobra.Command {
	var place host.Place
	var uses policyFlags
	var policy string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "replay [CAPTURE…]", Short: "Says which captured decisions another policy would flip, and by which rule",
		Long: `Decides captured inputs (files, or folders of them; without any, all that the gateway has) again by another policy, as of the time they came,
and says which decisions flip, from which rule to which. A gateway captures where its policy block says so (capture).

The exit code is 3 where a decision flips. Another reason for the same decision is listed, but is no flip.`,
	}
	place.ConfigFlags(cmd, "of the gateway that captured")
	place.FolderFlags(cmd)
	uses.register(cmd)
	cmd.Flags().StringVarP(&policy, "policy", "p", "", "The folder or bundle of the policy, in place of the one that is compiled in")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		s, err := compilePolicy(cmd, policy, &uses, replay.Options())
		if err != nil {
			return false, err
		}
		r := replay.New(s, policyName(policy))
		err = eachCaptured(cmd, &place, args, func(c *decisionlog.Captured) error {
			r.Add(cmd.Context(), c)
			return nil
		})
		if err != nil {
			return false, err
		}
		rep := r.Report()
		if asJSON {
			err = host.PrintJSON(cmd.OutOrStdout(), rep)
		} else {
			err = rep.Text(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()))
		}
		return rep.Flips() > 0, err
	})
	return cmd
}
