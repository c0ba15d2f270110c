package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "incident",
		Usage:     "list|show|ack|close|note",
		Short:     "Works on what the gateway has found in its events",
		Long:      incidentHelp,
		CobraFunc: incidentCommand,
	})
}

const incidentHelp = `
Lists, shows, acknowledges, closes and annotates the incidents of a running gateway, over its admin address. An incident is findings about one matter: they
share a client, an account, a session or whatever else they are about. Each step is an event, with the id that --by gives; what a note says is in none.`

func incidentCommand(cmd *cobra.Command) {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(incidentListCommand(), incidentShowCommand(),
		incidentStepCommand("ack ID", "Says that somebody works on it", "acknowledge"), incidentStepCommand("close ID", "Says that it is over", "close"), incidentNoteCommand())
}

// ask calls the gateway and reads its answer.
func ask(gateway *host.Admin, method, uri string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	raw, err := gateway.Call(method, uri, nil, body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}

func byFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "by", "", "Who does it, as an id that events hold (default: operator)")
}

func incidentListCommand() *cobra.Command {
	var gateway host.Admin
	var state, level string
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists incidents, the newest first", Args: cobra.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().StringVar(&state, "state", "", "Only those that are open, triaged, contained, remediated or closed, or active: not closed")
	cmd.Flags().StringVar(&level, "level", "", "Only those of this level or above: low, medium, high or critical")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out incidentsJSON
		if err := ask(&gateway, http.MethodGet, "/gateway/incidents?"+url.Values{"state": {state}, "level": {level}}.Encode(), nil, &out); err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), out)
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tLEVEL\tSTATE\tOPENED\tLAST\tFINDINGS\tABOUT\tTITLE")
		for _, i := range out.Incidents {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", i.ID, i.Level, i.State, stamp(i.Opened), stamp(i.Last), i.Count, about(i.Subjects, 2), terminal.Clean(i.Title))
		}
		return t.Flush()
	}
	return cmd
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// about are the first subjects.
func about(all []finding.Subject, most int) string {
	var text []string
	for i, s := range all {
		if i == most {
			text = append(text, fmt.Sprintf("+%d", len(all)-most))
			break
		}
		text = append(text, terminal.Clean(s.String()))
	}
	if text == nil {
		return "-"
	}
	return strings.Join(text, " ")
}

func incidentShowCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	cmd := &cobra.Command{Use: "show ID", Short: "Shows an incident: its findings, responses and notes", Args: cobra.ExactArgs(1)}
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var out incidentJSON
		if err := ask(&gateway, http.MethodGet, "/gateway/incidents/"+url.PathEscape(args[0]), nil, &out); err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), out)
		}
		return out.print(cmd.OutOrStdout())
	}
	return cmd
}

func (i *incidentJSON) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", terminal.Clean(i.Title), i.ID)
	state := i.State
	for _, who := range []string{i.Owner, i.Closer} {
		if who != "" {
			state += " by " + who
		}
	}
	if i.Merged != "" {
		state += ", part of " + i.Merged
	}
	fmt.Fprintf(w, "level\t%s\nstate\t%s\nopened\t%s\nevents\t%s to %s\nabout\t%s\nfindings\t%d\n",
		i.Level, state, stamp(i.Opened), stamp(i.First), stamp(i.Last), about(i.Subjects, 20), i.Count)
	for _, f := range i.Findings {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%d events\t%s\t%s\n", stamp(f.Last), f.Level, terminal.Clean(f.Title), f.Count, about(f.Subjects, 3), terminal.Clean(f.Explain))
	}
	if len(i.Responses) > 0 {
		fmt.Fprintln(w, "responses")
	}
	for _, r := range i.Responses {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", stamp(r.Created), r.Action, r.State, terminal.Clean(r.Subject.String()), r.ID, terminal.Clean(r.Detail))
	}
	if len(i.Notes) > 0 {
		fmt.Fprintln(w, "notes")
	}
	for _, n := range i.Notes {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", stamp(n.At), n.Author, terminal.Clean(n.Text))
	}
	return w.Flush()
}

func incidentStepCommand(use, short, step string) *cobra.Command {
	var gateway host.Admin
	var in byJSON
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)}
	gateway.Register(cmd)
	byFlag(cmd, &in.By)
	cmd.Flags().StringVar(&in.Text, "note", "", "A note to go with it")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return ask(&gateway, http.MethodPost, "/gateway/incidents/"+url.PathEscape(args[0])+"/"+step, in, nil)
	}
	return cmd
}

func incidentNoteCommand() *cobra.Command {
	var gateway host.Admin
	var in byJSON
	cmd := &cobra.Command{Use: "note ID TEXT", Short: "Adds a note, - reads it from standard input", Args: cobra.ExactArgs(2)}
	gateway.Register(cmd)
	byFlag(cmd, &in.By)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if in.Text = args[1]; in.Text == "-" {
			raw, err := host.ReadInput(cmd, "-", mostBody)
			if err != nil {
				return err
			}
			in.Text = strings.TrimSpace(string(raw))
		}
		if in.Text == "" {
			return errors.New("the note is empty")
		}
		return ask(&gateway, http.MethodPost, "/gateway/incidents/"+url.PathEscape(args[0])+"/notes", in, nil)
	}
	return cmd
}
