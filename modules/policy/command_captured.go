package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/records"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
)

// eachCaptured reads captures: files, or folders of them; without any, all that the gateway has.
func eachCaptured(cmd *cobra.Command, place *host.Place, paths []string, f func(*decisionlog.Captured) error) error {
	keys, err := place.Ring()
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		data, _, err := place.Folders()
		if err != nil {
			return err
		}
		folder := captureFolder(data)
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not there, so nothing was captured: `capture` in the gateway's policy block begins it; --config or --data names another gateway", folder)
		}
		paths = []string{folder}
	}
	return records.Walk(paths, cmd.ErrOrStderr(), func(in io.Reader) error {
		return decisionlog.ReadCaptures(in, keys, func(c *decisionlog.Captured) error {
			if err := f(c); err != nil {
				return err
			}
			return cmd.Context().Err()
		})
	})
}

// explainCaptured explains decisions again by what was captured of them, as of their own time.
func (f *explainFlags) explainCaptured(cmd *cobra.Command, paths []string) ([]explained, error) {
	f.folders.Config, f.folders.Adapter = f.gateway.Config, f.gateway.Adapter
	var list []explained
	more, otherPolicy := 0, false
	err := eachCaptured(cmd, &f.folders, paths, func(c *decisionlog.Captured) error {
		switch {
		case c.ID != f.event && c.RequestID != f.event:
			return nil
		case len(list) == mostPast:
			more++
			return nil
		}
		at := f.who.At
		f.who.At = c.Time
		answers, err := f.explainInput(cmd, "the capture", c.Input)
		f.who.At = at
		if err != nil {
			return err
		}
		x := answers[0]
		x.Then = &then{ID: c.ID, Allow: c.Result.Allow, Reason: c.Result.Reason, Rule: c.Rule, Revision: c.Revision, Same: true, Hidden: c.Removed}
		if f.folder == "" && !f.running && x.Revision != c.Revision {
			otherPolicy = true
		}
		list = append(list, x)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no decision with the id %q, nor one of a request with it, was captured there", f.event)
	}
	if otherPolicy {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %s is not what decided then: --policy names another, --running asks the running gateway\n", policyName(""))
	}
	if more > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %d more decisions of that request are left out\n", more)
	}
	return list, nil
}
