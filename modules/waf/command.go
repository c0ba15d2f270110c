package waf

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/rawrequest"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/waf/capture"
	"github.com/convosphere/gateway/modules/waf/explain"
	"github.com/convosphere/gateway/modules/waf/tune"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "waf",
		Usage:     "explain|replay|tune",
		Short:     "Explains, replays and tunes the web application firewall",
		Long:      wafHelp,
		CobraFunc: wafCommand,
	})
}

const wafHelp = `
Asks the rules of a configuration (--config, its first gw_waf; without it the defaults) about requests, without a running gateway.

explain says what the rules make of one request, replay what another configuration would have made of captured ones, tune which
exclusions would end the false alarms in security events.

The exit code is 0 when nothing is amiss, 1 on an error, and 3 when explain's request would be refused, when replay found a
change, or when tune proposes something.`

const mostInput = 64 << 20 // of a file that explain reads

func wafCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(explainCommand(), replayCommand(), tuneCommand())
	host.Describe(cmd, wafHelps())
}

func explainCommand() *cobra.Command {
	var p place
	var asJSON bool
	var paranoia int
	var socket string
	cmd := &cobra.Command{Use: "explain FILE|-", Short: "Says what the rules make of a raw HTTP request, or of a WebSocket message (--socket)", Args: host.ExactArgs(1)}
	p.ConfigFlags(cmd, "whose first gw_waf is asked")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().IntVar(&paranoia, "paranoia", 0, "Judge at this paranoia level, 1 to 4, in place of the configured one")
	cmd.Flags().StringVar(&socket, "socket", "", "The file is a message on the socket of this path")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		h, source, err := p.handler()
		if err != nil {
			return false, err
		}
		if cmd.Flags().Changed("paranoia") {
			if paranoia < 1 || paranoia > highestParanoia {
				return false, fmt.Errorf("--paranoia %d: it is 1 to %d", paranoia, highestParanoia)
			}
			h.Paranoia = paranoia
		}
		raw, err := host.ReadInput(cmd, args[0], mostInput)
		if err != nil {
			return false, err
		}
		rep, err := explainBytes(h, raw, socket)
		if err != nil {
			return false, fmt.Errorf("%s: %w", args[0], err)
		}
		rep.Config = source
		if asJSON {
			err = host.PrintJSON(cmd.OutOrStdout(), rep)
		} else {
			err = rep.Text(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()).Colour)
		}
		return rep.Verdict.Stops(), err
	})
	return cmd
}

// explainBytes explains a raw request, or a message where socket is its path.
func explainBytes(h Handler, raw []byte, socket string) (*explain.Report, error) {
	var notes []string
	parse := func() (r *http.Request, err error) {
		if socket != "" {
			return messageRequest(socket, "localhost", raw)
		}
		r, notes, err = rawrequest.Parse(raw)
		return r, err
	}
	first, err := parse()
	if err != nil {
		return nil, err
	}
	rep, err := explainRequest(h, parse)
	if err != nil {
		return nil, err
	}
	rep.Notes, rep.Request = notes, first.Method+" "+first.RequestURI
	if socket != "" {
		rep.Request = "message on " + socket
		if h.Sockets != nil && h.Sockets.Inspect == Off {
			rep.Notes = append(rep.Notes, "sockets off: no message is inspected")
		}
	}
	for i := range rep.Levels {
		only(&rep.Levels[i], socket != "")
	}
	only(&rep.Verdict, socket != "")
	return rep, nil
}

// only leaves of an answer's status and a socket's close code the one that there would be.
func only(l *explain.Level, message bool) {
	if message {
		l.Status = 0
	} else {
		l.Close = 0
	}
}

func replayCommand() *cobra.Command {
	var p place
	var asJSON bool
	cmd := &cobra.Command{Use: "replay CAPTURE…", Short: "Says what a configuration would have made of captured requests: files, or the folder of captures"}
	cmd.Args = host.AtLeast(1)
	p.ConfigFlags(cmd, "whose first gw_waf is asked")
	p.FolderFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		h, source, err := p.handler()
		if err != nil {
			return false, err
		}
		keys, err := p.Ring()
		if err != nil {
			return false, err
		}
		h.defaults()
		o, err := takeOffline(h, h.Paranoia)
		if err != nil {
			return false, fmt.Errorf("loading the rules: %w", err)
		}
		defer o.end()
		c := &comparison{Config: source, Paranoia: h.Paranoia, Left: map[string]int{}, Changes: []change{}}
		err = records.Walk(args, cmd.ErrOrStderr(), func(r io.Reader) error {
			return capture.Read(r, keys, func(rec *capture.Record) error { return c.replayRecord(o, rec) })
		})
		if err != nil {
			return false, err
		}
		if asJSON {
			err = host.PrintJSON(cmd.OutOrStdout(), c)
		} else {
			err = c.text(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()).Colour)
		}
		return len(c.Changes) > 0, err
	})
	return cmd
}

// text prints the changes for people.
func (c *comparison) text(w io.Writer, colour bool) error {
	var b strings.Builder
	for _, ch := range c.Changes {
		fmt.Fprintf(&b, "%s  %s  %s\n", terminal.Style{Colour: colour}.Verdict(ch.Change, ch.After.Status != 0), ch.Time, terminal.Clean(ch.Request))
		fmt.Fprintf(&b, "    %s → %s%s%s\n", ch.Before, ch.After, rulesList("; new", ch.Added), rulesList("; gone", ch.Gone))
		if len(ch.Removed) > 0 {
			fmt.Fprintf(&b, "    taken out when it was captured, so the rules no longer see it: %s\n", terminal.Clean(strings.Join(ch.Removed, ", ")))
		}
	}
	if len(c.Changes) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d replayed against %s at paranoia %d: %d newly blocked, %d newly passing, %d with other rules, %d the same\n",
		c.Replayed, c.Config, c.Paranoia, c.Blocked, c.Passing, c.Rules, c.Same)
	reasons := make([]string, 0, len(c.Left))
	for r := range c.Left {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(&b, "%d left out: %s\n", c.Left[r], r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r ruling) String() string {
	if r.Status == 0 {
		return fmt.Sprintf("%s (score %d)", r.Verdict, r.Score)
	}
	return fmt.Sprintf("%s %d (score %d)", r.Verdict, r.Status, r.Score)
}

func rulesList(what string, ids []int) string {
	if len(ids) == 0 {
		return ""
	}
	return what + " " + strings.Trim(fmt.Sprint(ids), "[]")
}

func tuneCommand() *cobra.Command {
	var asJSON bool
	o := tune.Options{}
	cmd := &cobra.Command{Use: "tune EVENTS…|-", Short: "Proposes exclusions for false alarms, from security events: files of JSON lines, also .gz, or their folder"}
	cmd.Args = host.AtLeast(1)
	cmd.Flags().IntVar(&o.MinHits, "min-hits", defaultMinHits, "The fewest hits of a rule on one field that count as repeated")
	cmd.Flags().IntVar(&o.MinUsers, "min-users", defaultMinUsers, "The fewest different users that they come from")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		if o.MinHits < 1 || o.MinUsers < 1 {
			return false, errors.New("--min-hits and --min-users are at least 1")
		}
		t := tune.New(o)
		for _, arg := range args {
			if err := t.Add(arg, cmd.InOrStdin()); err != nil {
				return false, err
			}
		}
		rep := t.Report()
		var err error
		if asJSON {
			err = host.PrintJSON(cmd.OutOrStdout(), rep)
		} else {
			err = rep.Text(cmd.OutOrStdout())
		}
		return len(rep.Proposals) > 0, err
	})
	return cmd
}
