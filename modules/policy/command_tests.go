package policy

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/author"
)

func testCommand() *cobra.Command {
	var uses policyFlags
	var o author.TestOptions
	var threshold float64
	var asJSON, watch, verbose bool
	cmd := &cobra.Command{
		Use: "test FOLDER", Short: "Runs the tests of a policy", Args: host.ExactArgs(1),
		Long: `Runs the rules named test_… of the policy in a folder (those in *_test.rego). Of one that fails it says which expression did not hold, in
the test and in the rules that it hangs on, and what the expression saw.`,
	}
	uses.register(cmd)
	cmd.Flags().BoolVar(&o.Coverage, "coverage", false, "Tell which lines of the policy no test reaches")
	cmd.Flags().Float64Var(&threshold, "threshold", 0, "Fail below so many percent of coverage")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "Run again whenever a file changes, until interrupted")
	cmd.Flags().StringVar(&o.Run, "run", "", "Only the tests whose full name matches this regular expression")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "Tell of the tests that pass, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, args []string) (bool, error) {
		if threshold < 0 || threshold > 100 {
			return false, fmt.Errorf("--threshold %v: it is percent, 0 to 100", threshold)
		}
		o.Coverage = o.Coverage || threshold > 0
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		once := func() (bool, error) {
			src, err := policySource(args[0])
			if err != nil {
				return false, err
			}
			rep, err := author.Test(ctx, src, o, uses.options()...)
			if err != nil {
				return false, err
			}
			found := rep.Failed > 0
			if asJSON {
				err = host.PrintJSON(cmd.OutOrStdout(), rep)
			} else {
				err = rep.Text(cmd.OutOrStdout(), terminal.For(cmd.OutOrStdout()), args[0], verbose)
			}
			if err == nil && threshold > 0 && rep.Coverage.Percent < threshold {
				found = true
				_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%.1f%% of the policy is covered, less than %v%%\n", rep.Coverage.Percent, threshold)
			}
			return found, err
		}
		if !watch {
			return once()
		}
		return false, whenever(ctx, args[0], func() {
			if _, err := once(); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "Error:", err) // of a file that is half written: the next change may mend it
			}
		})
	})
	return cmd
}

// glance is how often a watched folder is looked at.
const glance = 200 * time.Millisecond

// whenever calls f, and again when a file of the folder has changed, until ctx ends.
func whenever(ctx context.Context, folder string, f func()) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for last := "-"; ; {
		now, err := appearance(folder)
		if err != nil {
			return err
		}
		if now != last {
			last = now
			f()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// appearance changes when a file of the folder does, as far as names, sizes and times tell.
func appearance(folder string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name != folder { // it was there a moment ago
				return nil
			}
			return err
		}
		if d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintf(&b, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String(), err
}
