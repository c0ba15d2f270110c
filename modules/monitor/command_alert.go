package monitor

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "alert",
		Usage:     "list|retry|drop|test",
		Short:     "Shows what people were told of incidents, and what could not be told",
		Long:      alertHelp,
		CobraFunc: alertCommand,
	})
}

const alertHelp = `
Lists the alerts of a running gateway, over its admin address: those that wait, were sent, and are dead since no try came through. Dead ones are kept
for 90 days, to be sent once more or dropped. With a test you see whether alerts come through before they are needed.`

func alertCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(alertListCommand(), alertStepCommand("retry ID...", "Sends alerts once more that wait or are dead", http.MethodPost, "/retry"),
		alertStepCommand("drop ID...", "Deletes alerts that wait or are dead", http.MethodDelete, ""), alertTestCommand())
	host.Describe(cmd, alertHelps())
}

func alertListCommand() *cobra.Command {
	var gateway host.Admin
	var state string
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists alerts, the newest first", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().StringVar(&state, "state", "", "Only those that are waiting, sent or dead")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out alertsJSON
		if err := ask(&gateway, http.MethodGet, "/gateway/alerts?"+url.Values{"state": {state}}.Encode(), nil, &out); err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), out)
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tCHANNEL\tSTATE\tLEVEL\tCREATED\tNEXT\tTRIES\tINCIDENTS\tTITLE\tWHY")
		for _, one := range out.Alerts {
			next, title := stamp(one.Next), "-"
			if one.State != "waiting" {
				next = "-"
			}
			if len(one.Incidents) > 0 {
				title = terminal.Clean(one.Incidents[0].Title)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", one.ID, one.Channel, one.State, one.Level, stamp(one.Created), next, one.Tries,
				len(one.Incidents)+one.More, title, terminal.Clean(one.Detail))
		}
		return t.Flush()
	}
	return cmd
}

func alertStepCommand(use, short, method, end string) *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: use, Short: short, Args: host.AtLeast(1)}
	gateway.Register(cmd)
	cmd.RunE = func(_ *cobra.Command, ids []string) error {
		for _, id := range ids {
			if err := ask(&gateway, method, "/gateway/alerts/"+url.PathEscape(id)+end, nil, nil); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		return nil
	}
	return cmd
}

func alertTestCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "test [CHANNEL]", Short: "Sends a test to a channel, or to all", Args: host.AtMost(1)}
	gateway.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in := map[string]string{}
		if len(args) > 0 {
			in["channel"] = args[0]
		}
		var out []triedJSON
		if err := ask(&gateway, http.MethodPost, "/gateway/alerts/test", in, &out); err != nil {
			return err
		}
		failed := 0
		for _, one := range out {
			word := "sent"
			if one.Error != "" {
				failed++
				word = "failed: " + terminal.Clean(one.Error)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", one.Channel, word)
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d channels failed", failed, len(out))
		}
		return nil
	}
	return cmd
}
