package ratelimit

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
)

func simulateCommand() *cobra.Command {
	var place host.Place
	var asJSON bool
	cmd := &cobra.Command{
		Use: "simulate EVENTS…", Short: "Says which requests of the events other limits would have refused",
		Long: `Reads events (files, also gzip; folders of them, as events in the gateway's data folder; - is standard input) and charges their requests, in the
order they came and on a clock of that time, to the zones of a configuration, or to the default ones where none is named.

Zones that count by what events do not hold (headers, members of bodies, countries), socket messages and what is held at the same time are left out, and said to be.

The exit code is 3 where a request would have been refused that was admitted.`,
	}
	place.ConfigFlags(cmd, "whose limits are tried")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		if len(args) == 0 {
			return false, errors.New("name the files of events, or their folder (events in the gateway's data folder)")
		}
		raw, err := place.Adapted()
		if err != nil {
			return false, err
		}
		all, err := sitesOf(raw)
		if err != nil {
			return false, err
		}
		s := newSimulation(all)
		defer s.close()
		for _, name := range args {
			unreadable, err := eventfile.Read(name, cmd.InOrStdin(), s.line)
			s.report.Left.add("lines that are no events", unreadable)
			if err != nil {
				return false, err
			}
			if err := cmd.Context().Err(); err != nil {
				return false, err
			}
		}
		rep := s.finish()
		if asJSON {
			err = host.PrintJSON(cmd.OutOrStdout(), rep)
		} else {
			err = rep.Text(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()))
		}
		return rep.Newly > 0, err
	})
	return cmd
}
