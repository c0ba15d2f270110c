package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/ban/banfile"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "ban",
		Usage:     "add|rm|list|check|import|export",
		Short:     "Manages which addresses may not come",
		Long:      banHelp,
		CobraFunc: banCommand,
	})
}

const banHelp = `
Adds, lifts, lists, checks, imports and exports the bans of a running gateway, over its admin address: each change is an event, and holds in the
whole fleet within a second, for open sockets too.

PREFIX is an address (for IPv6 its /64 is meant) or a prefix in CIDR notation. Never banned are the allowlist (gateway { allow … }), the servers'
trusted_proxies and loopback, whatever prefix holds them.`

func banCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(banAddCommand(), banRemoveCommand(), banListCommand(), banCheckCommand(), banImportCommand(), banExportCommand())
	host.Describe(cmd, banHelps())
}

// duration is a flag that also knows days.
type duration time.Duration

func (d *duration) String() string { return time.Duration(*d).String() }
func (d *duration) Type() string   { return "duration" }
func (d *duration) Set(s string) error {
	v, err := caddy.ParseDuration(s)
	if err == nil && v <= 0 {
		err = errors.New("it must be above 0")
	}
	*d = duration(v)
	return err
}

// from is when it ends that begins now; nil: never.
func (d duration) from(now time.Time) *time.Time {
	if d == 0 {
		return nil
	}
	end := now.Add(time.Duration(d)).UTC()
	return &end
}

func banAddCommand() *cobra.Command {
	var gateway host.Admin
	var in banAddJSON
	var life duration
	cmd := &cobra.Command{Use: "add PREFIX", Short: "Bans, for good or for a while", Args: host.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.Flags().Var(&life, "for", "How long, as 90m or 30d (default: until it is lifted)")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "Why, for other operators; no client and no log sees it")
	cmd.Flags().BoolVar(&in.Force, "force", false, "Also a prefix shorter than /8 (IPv6: /16), or one with a trusted proxy in it")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		in.Prefix, in.Expires = args[0], life.from(time.Now())
		_, err := callJSON(&gateway, http.MethodPost, "/gateway/bans", in)
		return err
	}
	return cmd
}

func callJSON(gateway *host.Admin, method, uri string, in any) ([]byte, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return gateway.Call(method, uri, nil, bytes.NewReader(raw))
}

func banRemoveCommand() *cobra.Command {
	var gateway host.Admin
	var source string
	cmd := &cobra.Command{Use: "rm PREFIX | --source SOURCE", Short: "Lifts a ban, or all of a source", Args: host.AtMost(1)}
	cmd.Long = "Lifts the ban of exactly that prefix; who comes by another stays banned: `check` names it. That there was a ban is forgotten."
	gateway.Register(cmd)
	cmd.Flags().StringVar(&source, "source", "", "Lift all bans of operator, abuse, monitor or import:NAME")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q := url.Values{}
		switch {
		case len(args) == 1 && source == "":
			q.Set("prefix", args[0])
		case len(args) == 0 && source != "":
			q.Set("source", source)
		default:
			return errors.New("write either a prefix or --source")
		}
		raw, err := gateway.Call(http.MethodDelete, "/gateway/bans?"+q.Encode(), nil, nil)
		if err != nil {
			return err
		}
		var out struct {
			Removed int `json:"removed"`
		}
		if err := json.Unmarshal(raw, &out); err != nil {
			return fmt.Errorf("reading the gateway's answer: %w", err)
		}
		if source != "" {
			fmt.Fprintf(cmd.OutOrStdout(), "lifted %d bans\n", out.Removed)
		}
		return nil
	}
	return cmd
}

// eachPage asks for all bans of a source ("" any), a page at a time.
func eachPage(gateway *host.Admin, source string, f func(bansJSON) error) error {
	for after := ""; ; {
		raw, err := gateway.Call(http.MethodGet, "/gateway/bans?"+url.Values{"source": {source}, "after": {after}}.Encode(), nil, nil)
		if err != nil {
			return err
		}
		var page bansJSON
		if err := json.Unmarshal(raw, &page); err != nil {
			return fmt.Errorf("reading the gateway's answer: %w", err)
		}
		if err := f(page); err != nil {
			return err
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func banListCommand() *cobra.Command {
	var gateway host.Admin
	var source string
	cmd := &cobra.Command{Use: "list", Short: "Lists the bans in force", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().StringVar(&source, "source", "", "Only those of operator, abuse, monitor or import:NAME")
	cmd.Long = "Lists the bans in force as a table. `export` writes them for programs."
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "PREFIX\tUNTIL\tSOURCE\tTIMES\tREASON")
		err := eachPage(&gateway, source, func(page bansJSON) error {
			if page.Stale {
				fmt.Fprintln(cmd.ErrOrStderr(), "this gateway can't see changes in the database: it goes on with the bans that it knew")
			}
			for _, b := range page.Bans {
				fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", b.Prefix, until(b), b.Source, b.Times, b.Reason)
			}
			return nil
		})
		return errors.Join(err, t.Flush())
	}
	return cmd
}

func until(b banfile.Ban) string {
	if b.Expires == nil {
		return "-"
	}
	return b.Expires.Format(time.RFC3339)
}

func banCheckCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	cmd := &cobra.Command{Use: "check ADDRESS", Short: "Says whether an address is banned, and by what", Args: host.ExactArgs(1)}
	cmd.Long = "Says whether an address is banned at that gateway, and by what. The exit code is 3 where it is."
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		raw, err := gateway.Call(http.MethodGet, "/gateway/bans/check?"+url.Values{"address": args}.Encode(), nil, nil)
		if err != nil {
			return false, err
		}
		var out banCheckJSON
		if err := json.Unmarshal(raw, &out); err != nil {
			return false, fmt.Errorf("reading the gateway's answer: %w", err)
		}
		if asJSON {
			return out.Banned, host.PrintJSON(cmd.OutOrStdout(), out)
		}
		fmt.Fprintln(cmd.OutOrStdout(), args[0], out.words())
		return out.Banned, nil
	})
	return cmd
}

// words says it for people.
func (c banCheckJSON) words() string {
	var s string
	switch {
	case c.Exempt:
		s = "is never banned: it is on the allowlist, a trusted proxy, or the gateway's own machine"
	case c.Banned:
		s = fmt.Sprintf("is banned as %s by %s", c.Ban.Prefix, c.Ban.Source)
		if c.Ban.Expires != nil {
			s += " until " + until(*c.Ban)
		}
		if c.Ban.Reason != "" {
			s += ": " + c.Ban.Reason
		}
	default:
		s = "is not banned"
	}
	if c.Times > 0 {
		s += fmt.Sprintf(" (banned %d times lately)", c.Times)
	}
	if c.Stale {
		s += "; this gateway can't see changes at present"
	}
	return strings.TrimSpace(s)
}
