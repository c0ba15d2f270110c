package monitor

import (
	"bytes"
	"cmp"
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
	"github.com/convosphere/gateway/modules/monitor/incident"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "incident",
		Usage:     "list|show|report|assign|ack|triage|contain|remediate|close|reopen|verdict|note|step|tag|write-up|precision",
		Short:     "Works on what the gateway has found in its events",
		Long:      incidentHelp,
		CobraFunc: incidentCommand,
	})
}

const incidentHelp = `
Works on the incidents of a running gateway, over its admin address. An incident is findings about one matter: they share a client, an account, a session or
whatever else they are about, and what attackers do there. It goes from open to triaged, contained, remediated and closed. Each step is an event, with the id that --by gives; what
people write is in none. --version says which version of the incident you saw ("show" tells it): where somebody was quicker nothing is changed, and the command says what they changed.`

func incidentCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(
		incidentListCommand(), incidentShowCommand(), incidentReportCommand(), incidentPrecisionCommand(),
		incidentAssignCommand(),
		incidentStepCommand("ack ID", "Says that you work on it: it is yours, and triaged", "acknowledge"),
		incidentMoveCommand("triage ID", "Says that somebody knows what it is", incident.Triaged),
		incidentMoveCommand("contain ID", "Says that it gets no worse", incident.Contained),
		incidentMoveCommand("remediate ID", "Says that what made it possible is mended", incident.Remediated),
		incidentMoveCommand("close ID", "Says that it is over", incident.Closed),
		incidentMoveCommand("reopen ID", "Says that it is not over after all: it is triaged", incident.Triaged),
		incidentVerdictCommand(), incidentNoteCommand(), incidentTickCommand(), incidentTagCommand(), incidentWriteUpCommand(),
	)
	host.Describe(cmd, incidentHelps())
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
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "Lists incidents, the newest first", Args: host.NoArgs}
	gateway.Register(cmd)
	given := map[string]*string{}
	for name, help := range map[string]string{
		"state": "Only those that are open, triaged, contained, remediated or closed, or active: not closed", "level": "Only those of this level or above: low, medium, high or critical",
		"assignee": "Only those of somebody: a user name, an id, or nobody", "technique": "Only those of a technique of MITRE ATT&CK, as T1110",
		"subject": "Only those about somebody or something, as client:192.0.2.7 or user:ID", "verdict": "Only those with a verdict: true positive, false positive or undecided",
		"source": "Only those that were found by detection, or by a report", "tag": "Only those with a tag", "rule": "Only those that a rule found, by its id", "text": "Only those with a text in their title or notes",
		"since": "Only those opened since, as 2026-01-31 or -7d", "until": "Only those opened before", "sort": "By level, findings, opened or last; -last: the last one first", "after": "The page after the incident with this id", "limit": "How many, at most 1000",
	} {
		given[name] = cmd.Flags().String(name, "", help)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out incidentsJSON
		q := url.Values{}
		for name, value := range given {
			if *value != "" {
				q.Set(name, *value)
			}
		}
		if err := ask(&gateway, http.MethodGet, "/gateway/incidents?"+q.Encode(), nil, &out); err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), out)
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tLEVEL\tSTATE\tASSIGNEE\tOPENED\tLAST\tFINDINGS\tABOUT\tTITLE")
		for _, i := range out.Incidents {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
				i.ID, i.Level, i.State, cmp.Or(terminal.Clean(i.Owner), "-"), stamp(i.Opened), stamp(i.Last), i.Count, about(i.Subjects, 2), terminal.Clean(i.Title))
		}
		if err := t.Flush(); err != nil || out.Next == "" {
			return err
		}
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "there are more: --after %s\n", out.Next)
		return err
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
	cmd := &cobra.Command{Use: "show ID", Short: "Shows an incident: what it is, what to do, its timeline", Args: host.ExactArgs(1)}
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

func incidentStepCommand(use, short, step string) *cobra.Command {
	var gateway host.Admin
	var in byJSON
	cmd := &cobra.Command{Use: use, Short: short, Args: host.ExactArgs(1)}
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
	cmd := &cobra.Command{Use: "note ID TEXT", Short: "Adds a note, - reads it from standard input", Args: host.ExactArgs(2)}
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
