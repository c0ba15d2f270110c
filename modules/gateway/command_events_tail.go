package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
)

const tailHelp = `
Shows events of a running gateway as they come, narrowed by the same filters as in the console, until it is interrupted. Over a restart of the gateway it goes on.

	convosphere events tail --level medium
	convosphere events tail --user 01ARZ3NDEKTSV4RRFFQ69G5FAV --json`

// tailAgain is how long it waits before it asks again.
const tailAgain = time.Second

func eventsTailCommand() *cobra.Command {
	var f eventFilters
	var admin host.Admin
	cmd := &cobra.Command{Use: "tail", Short: "Shows events as they come", Long: tailHelp, Args: host.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		if f.limit < 0 || f.limit > 1000 {
			return errors.New("--last is a number from 0 to 1000")
		}
		if f.limit > 0 {
			rows, _, err := f.collect(cmd, &admin, nil)
			if err != nil {
				return err
			}
			if err := f.print(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
		}
		return f.follow(cmd, &admin, f.query(cmd))
	}}
	admin.Register(cmd)
	f.register(cmd, "since", "until")
	cmd.Flags().IntVarP(&f.limit, "last", "n", 10, "How many of those that were to show first")
	return cmd
}

// follow prints what comes. A gateway that has answered once may go away for a while.
func (f *eventFilters) follow(cmd *cobra.Command, admin *host.Admin, q url.Values) error {
	out := eventPrinter{w: cmd.OutOrStdout(), style: terminal.For(cmd.OutOrStdout()), asJSON: f.asJSON}
	for answered := false; ; time.Sleep(tailAgain) {
		var failed error
		err := admin.Stream("/gateway/views/events/live?"+q.Encode(), func(line []byte) error {
			answered = true
			data, ok := bytes.CutPrefix(line, []byte("data: "))
			if !ok {
				return nil // a sign of life
			}
			var row eventLine
			if failed = json.Unmarshal(data, &row); failed == nil {
				failed = out.print(&row)
			}
			return failed
		})
		switch {
		case failed != nil:
			return fmt.Errorf("showing events: %w", failed)
		case err != nil && (!answered || !errors.Is(err, host.ErrNoAnswer) && !errors.Is(err, host.ErrCutOff)):
			return err
		}
	}
}
