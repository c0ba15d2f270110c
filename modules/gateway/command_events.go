package gateway

import (
	"bufio"
	"errors"
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "events", Usage: "query|tail|open", Short: "Shows security events", Long: eventsHelp, CobraFunc: eventsCommand,
	})
}

const eventsHelp = `
Shows the security events of a gateway: those that were (query), those that come (tail), and those that are encrypted in files (open).`

const openHelp = `
Writes security events in plain that a gateway with ` + "`events { encrypt }`" + ` has written: one JSON object a line, to standard output. Other commands that
read events take it in place of the file:

	convosphere events open /var/lib/convosphere/events | convosphere waf tune -

The key ring is found from the gateway's configuration (--config), its data folder (--data), or named by --keys; without any, in the default
data folder.`

func eventsCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	var p host.Place
	open := &cobra.Command{
		Use: "open FILE...", Short: "Writes those of encrypted files in plain", Long: openHelp, Args: host.AtLeast(1),
		RunE: func(cmd *cobra.Command, args []string) error { return openEvents(cmd, &p, args) },
	}
	p.ConfigFlags(open, "of the gateway that wrote them")
	p.FolderFlags(open)
	cmd.AddCommand(eventsQueryCommand(), eventsTailCommand(), open)
	host.Describe(cmd, eventsHelps())
}

func openEvents(cmd *cobra.Command, p *host.Place, names []string) error {
	keys, err := p.Ring()
	if err != nil {
		return err
	}
	out, unopened := bufio.NewWriter(cmd.OutOrStdout()), 0
	for _, name := range names {
		n, err := eventfile.Open(name, cmd.InOrStdin(), keys, out)
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		unopened += n
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if unopened > 0 {
		return fmt.Errorf("%d lines could not be opened: they are of another key ring, or torn by a crash, or were altered", unopened)
	}
	return nil
}
