package policy

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/author"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const mostDocuments = 64 << 20 // bytes of a file of inputs

func benchCommand() *cobra.Command {
	var uses policyFlags
	var folder string
	var each time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use: "bench INPUT…", Short: "Measures how long decisions take", Args: cobra.MinimumNArgs(1),
		Long: `Decides about input documents (JSON, several in a file; also decision logs as OPA writes them) again and again, each time as if it had
never been decided, and tells the percentiles of the time and what was allocated. It knows no grants but those of the documents.`,
	}
	uses.register(cmd)
	cmd.Flags().StringVarP(&folder, "policy", "p", "", "The folder of the policy, in place of the one that is compiled in")
	cmd.Flags().DurationVar(&each, "time", time.Second, "How long each input is decided about, 1ms to 1m")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if each < time.Millisecond || each > time.Minute {
			return fmt.Errorf("--time %s: it is 1ms to 1m", each)
		}
		s, err := compilePolicy(cmd, folder, &uses)
		if err != nil {
			return err
		}
		var docs []author.Document
		for _, name := range args {
			raw, err := host.ReadInput(cmd, name, mostDocuments)
			if err != nil {
				return err
			}
			more, err := author.ReadDocuments(name, raw)
			if err != nil {
				return err
			}
			docs = append(docs, more...)
		}
		list, err := author.Bench(cmd.Context(), s, docs, each)
		if err != nil {
			return err
		}
		if asJSON {
			return host.PrintJSON(cmd.OutOrStdout(), map[string]any{"policy": policyName(folder), "revision": s.Revision, "unit": "microseconds", "inputs": list})
		}
		return benchTable(cmd.OutOrStdout(), folder, s.Revision, list)
	}
	return cmd
}

func benchTable(w io.Writer, folder, revision string, list []author.Measured) error {
	if _, err := fmt.Fprintf(w, "%s, revision %s\n\n", policyName(folder), revision); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "p50 µs\tp95\tp99\tmax\tallocs\tbytes\trounds\t  decision")
	for _, m := range list {
		said := "denied"
		switch {
		case m.Failure != "":
			said = "failed (" + m.Failure + ")"
		case m.Allow:
			said = "allowed"
		}
		fmt.Fprintf(t, "%.1f\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\t  %s: %s, %s\n", m.P50, m.P95, m.P99, m.Max, m.Allocs, m.Bytes, m.Rounds,
			terminal.Clean(m.Name), said, terminal.Clean(m.Reason))
	}
	return t.Flush()
}

// compilePolicy is the policy in a folder, or the one that is compiled in, ready to decide.
func compilePolicy(cmd *cobra.Command, folder string, uses *policyFlags) (*engine.Snapshot, error) {
	src, err := policySource(folder)
	if err != nil {
		return nil, err
	}
	return engine.Compile(cmd.Context(), src, uses.options()...)
}
