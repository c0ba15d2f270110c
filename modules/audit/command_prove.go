package audit

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/host"
)

const proveHelp = `
Prints a proof, as JSON, that an event is in the log, or with --earlier that a checkpoint which was kept elsewhere is of the same log, of which the log today is
only a continuation. It can be checked without the log ("audit verify --proof"). The event stands in it as it stands in the log: what is personal is sealed.`

func proveCommand() *cobra.Command {
	var w where
	var earlier string
	cmd := &cobra.Command{Use: "prove INDEX|EVENT-ID | --earlier CHECKPOINT", Short: "Proves that an event is in the log", Long: proveHelp, Args: host.AtMost(1)}
	w.flags(cmd)
	cmd.Flags().StringVar(&earlier, "earlier", "", "A file with an earlier checkpoint (- for standard input)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == (earlier != "") {
			return errors.New("name an event, by its index or event.id, or an earlier checkpoint")
		}
		f, _, err := w.open()
		if err != nil {
			return err
		}
		var p auditlog.Proof
		if earlier != "" {
			raw, err := host.ReadInput(cmd, earlier, mostCheckpoint)
			if err != nil {
				return err
			}
			p, err = f.ProveEarlier(raw)
			if err != nil {
				return err
			}
		} else {
			index, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				index, err = f.Find(args[0])
			}
			if err == nil {
				p, err = f.ProveEvent(index)
			}
			if err != nil {
				return err
			}
		}
		return host.PrintJSON(cmd.OutOrStdout(), p)
	}
	return cmd
}
