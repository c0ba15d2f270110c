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
	"github.com/convosphere/gateway/modules/monitor/respond"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "response", // respond is a command of Caddy
		Usage:     "list|apply|approve|dismiss|undo|simulate",
		Short:     "Decides on what is done about findings",
		Long:      responseHelp,
		CobraFunc: responseCommand,
	})
}

const responseHelp = `
Lists what a running gateway did about findings and what it proposes, approves, dismisses and undoes it, and does more, over its admin address. All holds in
the whole fleet within a second, for open sockets too, and is an event with the id that --by gives.

SUBJECT is written as client:192.0.2.7 (an address, for IPv6 its /64), user:ID or session:ID. ACTION is one of

	challenge, throttle, raise_paranoia   client, session or user; an hour unless --for says something else
	require_second_factor                 user or session; 12 hours
	close_sockets                         session, user or client; those that are open, and those that open in a minute
	ban                                   client; an hour
	lock_account                          user; until it is undone
	end_sessions                          session or user; it can't be undone

Never touched are the allowlist (gateway { allow … }), trusted proxies, loopback and whom the configuration spares; the last administrator is not locked out.`

func responseCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(responseListCommand(), responseApplyCommand(), responseSimulateCommand(),
		responseDecideCommand("approve ID...", "Does what is proposed or held", "approve"),
		responseDecideCommand("dismiss ID...", "Decides against what is proposed or held; no machine proposes it again for a day", "dismiss"),
		responseDecideCommand("undo ID...", "Takes back what is in force; no machine does it again for a day", "undo"))
	host.Describe(cmd, responseHelps())
}

func responseListCommand() *cobra.Command {
	var gateway host.Admin
	q := map[string]*string{}
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists responses, the newest first", Args: host.NoArgs}
	gateway.Register(cmd)
	for name, help := range map[string]string{
		"state":   "Only those that are proposed, held, applied, done, ended, undone, failed or dismissed",
		"subject": "Only those to this subject", "incident": "Only those of this incident",
	} {
		q[name] = cmd.Flags().String(name, "", help)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v := url.Values{}
		for name, value := range q {
			v.Set(name, *value)
		}
		var out responsesJSON
		if err := ask(&gateway, http.MethodGet, "/gateway/responses?"+v.Encode(), nil, &out); err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), out)
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tACTION\tSUBJECT\tSTATE\tBY\tSINCE\tUNTIL\tWHY")
		for _, r := range out.Responses {
			why := r.Reason
			if r.Detail != "" {
				why += " (" + r.Detail + ")"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Action, terminal.Clean(r.Subject.String()), r.State, r.By, stamp(r.Created), stamp(r.Expires), terminal.Clean(why))
		}
		return t.Flush()
	}
	return cmd
}

func responseApplyCommand() *cobra.Command {
	var gateway host.Admin
	var in orderJSON
	var lasts string
	cmd := &cobra.Command{Use: "apply ACTION SUBJECT", Short: "Does something to somebody", Args: host.ExactArgs(2), Long: responseHelp}
	gateway.Register(cmd)
	byFlag(cmd, &in.By)
	cmd.Flags().StringVar(&lasts, "for", "", "How long, as 90m or 30d")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "Why, for other operators; no event has it")
	cmd.Flags().StringVar(&in.Incident, "incident", "", "The incident that it belongs to")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if in.Action, in.Subject = args[0], args[1]; lasts != "" {
			in.Action += " " + lasts
		}
		var out respond.Response
		if err := ask(&gateway, http.MethodPost, "/gateway/responses", in, &out); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), out.ID)
		return nil
	}
	return cmd
}

func responseDecideCommand(use, short, word string) *cobra.Command {
	var gateway host.Admin
	var in byJSON
	cmd := &cobra.Command{Use: use, Short: short, Args: host.AtLeast(1)}
	gateway.Register(cmd)
	byFlag(cmd, &in.By)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		for _, id := range args {
			if err := ask(&gateway, http.MethodPost, "/gateway/responses/"+url.PathEscape(id)+"/"+word, in, nil); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		return nil
	}
	return cmd
}
