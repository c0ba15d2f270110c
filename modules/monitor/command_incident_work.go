package monitor

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// incidentEditCommand changes one incident: fill says how.
func incidentEditCommand(cmd *cobra.Command, fill func(in *editJSON, args []string) error) *cobra.Command {
	var gateway host.Admin
	in := new(editJSON)
	gateway.Register(cmd)
	byFlag(cmd, &in.By)
	cmd.Flags().Int64Var(&in.Version, "version", 0, "Which version of the incident you saw: another one is not changed")
	cmd.Flags().StringVar(&in.Note, "note", "", "A note to go with it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := fill(in, args); err != nil {
			return err
		}
		var out incident.Incident
		if err := ask(&gateway, http.MethodPatch, "/gateway/incidents/"+url.PathEscape(args[0]), in, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is %s, version %d\n", out.ID, out.State, out.Version)
		return err
	}
	return cmd
}

func incidentMoveCommand(use, short, state string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: host.ExactArgs(1)}
	var verdict string
	if state == incident.Closed {
		cmd.Flags().StringVar(&verdict, "verdict", "", "Whether it was what it looked like: true or false")
	}
	return incidentEditCommand(cmd, func(in *editJSON, _ []string) error {
		if in.State = state; verdict != "" {
			in.Verdict = &verdict
		}
		return nil
	})
}

func incidentAssignCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "assign ID NAME|nobody", Short: "Says who works on it", Args: host.ExactArgs(2)}
	return incidentEditCommand(cmd, func(in *editJSON, args []string) error {
		who := args[1]
		if who == "nobody" {
			who = ""
		}
		in.Assignee = &who
		return nil
	})
}

func incidentVerdictCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "verdict ID true|false|none", Short: "Says whether it was what it looked like, or a false alarm; it counts for the rules that found it", Args: host.ExactArgs(2)}
	var rule string
	cmd.Flags().StringVar(&rule, "rule", "", "The id of a rule that it is of alone")
	return incidentEditCommand(cmd, func(in *editJSON, args []string) error {
		verdict := args[1]
		if !slices.Contains([]string{incident.True, incident.False, "none"}, verdict) {
			return errors.New("a verdict is true, false or none")
		}
		if verdict == "none" {
			verdict = ""
		}
		in.Verdict, in.Rule = &verdict, rule
		return nil
	})
}

func incidentTagCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tag ID TAG...", Short: "Adds tags; one that begins with ^ is taken away", Args: host.AtLeast(2)}
	return incidentEditCommand(cmd, func(in *editJSON, args []string) error {
		for _, tag := range args[1:] {
			if gone, ok := strings.CutPrefix(tag, "^"); ok {
				in.Untag = append(in.Untag, gone)
			} else {
				in.Tag = append(in.Tag, tag)
			}
		}
		return nil
	})
}

func incidentWriteUpCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "write-up ID", Short: "Writes what was done to recover, and what is to be learned, after what stands there", Args: host.ExactArgs(1)}
	var recovery, lessons string
	var replace bool
	cmd.Flags().StringVar(&recovery, "recovery", "", "What was done to recover; - reads it from standard input")
	cmd.Flags().StringVar(&lessons, "lessons", "", "What is to be learned; - reads it from standard input")
	cmd.Flags().BoolVar(&replace, "replace", false, "In place of what stands there")
	return incidentEditCommand(cmd, func(in *editJSON, _ []string) error {
		if recovery == "-" && lessons == "-" {
			return errors.New("only one of them can be read from standard input")
		}
		for _, one := range []struct {
			text string
			to   **string
		}{{recovery, &in.Recovery}, {lessons, &in.Lessons}} {
			if one.text == "-" {
				raw, err := host.ReadInput(cmd, "-", mostBody)
				if err != nil {
					return err
				}
				one.text = string(raw)
			}
			if one.text != "" {
				*one.to = &one.text
			}
		}
		if in.Append = !replace; in.Recovery == nil && in.Lessons == nil {
			return errors.New("write --recovery, --lessons or both")
		}
		return nil
	})
}

func incidentTickCommand() *cobra.Command {
	var gateway host.Admin
	var in tickJSON
	var undo bool
	cmd := &cobra.Command{Use: "step ID PLAYBOOK/STEP", Short: "Says that a step of a playbook is done; \"show\" lists them", Args: host.ExactArgs(2)}
	gateway.Register(cmd)
	byFlag(cmd, &in.By)
	cmd.Flags().BoolVar(&undo, "undo", false, "It is not done after all")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		book, step, ok := strings.Cut(args[1], "/")
		if !ok {
			return errors.New("a step is written as PLAYBOOK/STEP, as account-takeover/end-sessions")
		}
		done := !undo
		in.Done = &done
		return ask(&gateway, http.MethodPost, "/gateway/incidents/"+url.PathEscape(args[0])+"/steps/"+url.PathEscape(book)+"/"+url.PathEscape(step), in, nil)
	}
	return cmd
}

func incidentPrecisionCommand() *cobra.Command {
	var gateway host.Admin
	var asJSON bool
	cmd := &cobra.Command{Use: "precision", Short: "Says how often each rule was right, by the verdicts", Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out judgedJSON
		if err := ask(&gateway, http.MethodGet, "/gateway/incidents/precision", nil, &out); err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), out)
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "PRECISION\tTRUE\tFALSE\tINCIDENTS\tFINDINGS\tLAST\tRULE\tTITLE")
		for _, j := range out.Rules {
			share := "-"
			if p, known := j.Precision(); known {
				share = fmt.Sprintf("%.0f%%", p*100)
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", share, j.True, j.False, j.Incidents, j.Findings, stamp(j.Last), terminal.Clean(j.Rule), terminal.Clean(j.Title))
		}
		return t.Flush()
	}
	return cmd
}
