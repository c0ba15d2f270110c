package policy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/event/eventfile"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
)

func logCommand() *cobra.Command {
	var labels []string
	var array, captures bool
	var place host.Place
	cmd := &cobra.Command{
		Use: "log EVENTS…|-", Short: "Writes the decisions among security events as OPA's decision logs have them", Args: host.AtLeast(1),
		Long: `Reads security events (files of JSON lines, also .gz, or their folder) and writes each decision among them as OPA would have logged it, for tools
that take OPA's decision logs: JSON, one to a line, or with --array one array as OPA uploads it. The input is there where the event has it.

With --captures it reads captured decisions (files, or their folder) in place of events, with their whole inputs.`,
	}
	place.ConfigFlags(cmd, "of the gateway that captured")
	place.FolderFlags(cmd)
	cmd.Flags().BoolVar(&captures, "captures", false, "Read captured decisions in place of events")
	cmd.Flags().StringSliceVar(&labels, "label", nil, "A label of each, as in app=chat (default app=convosphere)")
	cmd.Flags().BoolVar(&array, "array", false, "Write one array")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		named := map[string]string{"app": "convosphere"}
		for _, l := range labels {
			name, value, ok := strings.Cut(l, "=")
			if !ok || name == "" {
				return fmt.Errorf("--label %q: it is NAME=VALUE", l)
			}
			named[name] = value
		}
		x := exporter{out: bufio.NewWriter(cmd.OutOrStdout()), labels: named, array: array}
		if captures {
			if err := x.captures(cmd, &place, args); err != nil {
				return err
			}
			return x.end()
		}
		for _, name := range args {
			unreadable, err := eventfile.Read(name, cmd.InOrStdin(), x.line)
			x.unreadable += unreadable
			if err := errors.Join(err, x.err); err != nil {
				return err
			}
		}
		if err := x.end(); err != nil {
			return err
		}
		if x.unreadable > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %d lines were passed over: they are no events\n", x.unreadable)
		}
		return nil
	}
	return cmd
}

// exporter writes decisions as they are read.
type exporter struct {
	out                  *bufio.Writer
	labels               map[string]string
	array                bool
	exported, unreadable int
	err                  error // of writing
}

func (x *exporter) line(line []byte) (readable bool) {
	d, err := decisionlog.Export(line, x.labels)
	if errors.Is(err, decisionlog.ErrNoDecision) {
		return true
	}
	if err != nil {
		return false
	}
	return x.put(d)
}

// captures exports captured decisions.
func (x *exporter) captures(cmd *cobra.Command, place *host.Place, paths []string) error {
	keys, err := place.Ring()
	if err != nil {
		return err
	}
	return records.Walk(paths, cmd.ErrOrStderr(), func(in io.Reader) error {
		return decisionlog.ReadCaptures(in, keys, func(c *decisionlog.Captured) error {
			if !x.put(c.Export(x.labels)) {
				return errors.New("it can't be written as JSON")
			}
			return x.err
		})
	})
}

func (x *exporter) put(d *decisionlog.Exported) (ok bool) {
	b, err := json.Marshal(d)
	if err != nil {
		return false
	}
	before, after := "", "\n"
	if x.array {
		before, after = ",\n", ""
		if x.exported == 0 {
			before = "["
		}
	}
	x.exported++
	if _, err := io.WriteString(x.out, before+string(b)+after); err != nil {
		x.err = err
	}
	return true
}

func (x *exporter) end() error {
	if x.array {
		text := "]\n"
		if x.exported == 0 {
			text = "[]\n"
		}
		if _, err := x.out.WriteString(text); err != nil {
			return err
		}
	}
	return x.out.Flush()
}
