package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "abuse",
		Usage:     "status|forgive",
		Short:     "Shows which clients misbehave, and forgives them",
		Long:      abuseHelp,
		CobraFunc: abuseCommand,
	})
}

const abuseHelp = `
Shows the scores of clients and people that misbehave, in a running gateway, and takes them away, over its admin address.

Points are earned by running into limits, by what the WAF blocks, by wrong passwords and codes, forged tokens and wrong answers to puzzles, and halve
with time. The score is what they come to for each head: an address is shared by those who are signed in there. By its score a client has tighter
limits, must solve a puzzle, or is banned. A person's are those of an account: they hold wherever it is signed in, and never lead to a ban.`

func abuseCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(abuseStatusCommand(), abuseForgiveCommand())
	host.Describe(cmd, abuseHelps())
}

// named is a client by its address, or an account by its id, as the query of the admin API has it.
func named(arg string) url.Values {
	if _, err := netip.ParseAddr(arg); err == nil {
		return url.Values{"client": {arg}}
	}
	return url.Values{"user": {arg}}
}

func abuseStatusCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	var limit int
	cmd := &cobra.Command{Use: "status [ADDRESS|USER-ID]", Short: "Shows the highest scores, or one", Args: host.AtMost(1)}
	cmd.Long = "Shows the highest scores, or that of one address or account id. With one, the exit code is 3 where it is at a level."
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().IntVar(&limit, "limit", defaultStatus, "How many")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		q := url.Values{"limit": {strconv.Itoa(limit)}}
		if len(args) == 1 {
			q = named(args[0])
		}
		raw, err := gateway.Call(http.MethodGet, "/gateway/abuse?"+q.Encode(), nil, nil)
		if err != nil {
			return false, err
		}
		var answer struct {
			Scores []abuseJSON `json:"scores"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return false, fmt.Errorf("reading the gateway's answer: %w", err)
		}
		found := len(args) == 1 && len(answer.Scores) == 1 && answer.Scores[0].Level != abuse.None.String()
		if asJSON {
			return found, host.PrintJSON(cmd.OutOrStdout(), answer.Scores)
		}
		return found, abuseTableOf(cmd.OutOrStdout(), answer.Scores)
	})
	return cmd
}

func abuseTableOf(w io.Writer, scores []abuseJSON) error {
	if len(scores) == 0 {
		_, err := fmt.Fprintln(w, "nobody has a score")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHO\tLEVEL\tSCORE\tPOINTS\tPEOPLE\tNOTE")
	for _, s := range scores {
		who, note := s.Client, ""
		if s.User != "" {
			who = "user " + s.User
		}
		switch {
		case s.Exempt:
			note = "never counted"
		case s.Until != nil:
			note = "banned until " + s.Until.Format(time.RFC3339)
		case s.Banned:
			note = "banned"
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%d\t%s\n", who, s.Level, s.Score, s.Points, s.People, note)
	}
	return t.Flush()
}

func abuseForgiveCommand() *cobra.Command {
	var gateway host.Admin
	cmd := &cobra.Command{Use: "forgive ADDRESS|USER-ID", Short: "Takes all points away, in the whole fleet", Args: host.ExactArgs(1)}
	cmd.Long = "Takes all points of an address or account away, in the whole fleet. A ban stays: `convosphere ban rm` lifts it."
	gateway.Register(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if args[0] == "" {
			return errors.New("name an address or an account's id")
		}
		_, err := gateway.Call(http.MethodDelete, "/gateway/abuse?"+named(args[0]).Encode(), nil, nil)
		return err
	}
	return cmd
}
