package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/author"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const mostDocuments = 64 << 20 // bytes of a file of inputs

func benchCommand() *cobra.Command {
	var uses policyFlags
	var folder string
	var each time.Duration
	var place host.Place
	var captured, asJSON bool
	cmd := &cobra.Command{
		Use: "bench INPUT…", Short: "Measures how long decisions take",
		Long: `Decides about input documents (JSON, several in a file; also decision logs as OPA writes them) again and again, each time as if it had
never been decided, and tells the percentiles of the time and what was allocated. It knows no grants but those of the documents. With
--captured the files are captures (without any, those of the gateway that --config or --data names), of which the first of each permission is taken.`,
	}
	uses.register(cmd)
	cmd.Flags().StringVarP(&folder, "policy", "p", "", "The folder or bundle of the policy, in place of the one that is compiled in")
	cmd.Flags().DurationVar(&each, "time", time.Second, "How long each input is decided about, 1ms to 1m")
	cmd.Flags().BoolVar(&captured, "captured", false, "Decide about captured inputs")
	place.ConfigFlags(cmd, "of the gateway that captured")
	place.FolderFlags(cmd)
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
		if captured {
			docs, err = capturedDocuments(cmd, &place, args)
		} else {
			docs, err = documents(cmd, args)
		}
		if err != nil {
			return err
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
func compilePolicy(cmd *cobra.Command, folder string, uses *policyFlags, more ...engine.Option) (*engine.Snapshot, error) {
	src, err := policySource(folder)
	if err != nil {
		return nil, err
	}
	s, err := engine.Compile(cmd.Context(), src, append(uses.options(), more...)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policyName(folder), err)
	}
	return s, nil
}

func documents(cmd *cobra.Command, names []string) (docs []author.Document, err error) {
	if len(names) == 0 {
		return nil, errors.New("name the files of inputs")
	}
	for _, name := range names {
		raw, err := host.ReadInput(cmd, name, mostDocuments)
		if err != nil {
			return nil, err
		}
		more, err := author.ReadDocuments(name, raw)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

// capturedDocuments are one of each permission, allowed and denied: more of them would say the same.
func capturedDocuments(cmd *cobra.Command, place *host.Place, paths []string) (docs []author.Document, err error) {
	seen := map[string]bool{}
	err = eachCaptured(cmd, place, paths, func(c *decisionlog.Captured) error {
		var in shownInput
		if err := json.Unmarshal(c.Input, &in); err != nil {
			return fmt.Errorf("reading a captured input: %w", err)
		}
		name := fmt.Sprintf("%s (%s)", in.Request.Permission, c.ID)
		kind := fmt.Sprintf("%s %v", in.Request.Permission, c.Result.Allow)
		if seen[kind] {
			return nil
		}
		seen[kind] = true
		more, err := author.ReadDocuments(name, c.Input)
		docs = append(docs, more...)
		return err
	})
	if err == nil && len(docs) == 0 {
		err = errors.New("nothing was captured there")
	}
	return docs, err
}
