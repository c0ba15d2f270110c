package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/terminal"
)

// call asks the running gateway, which has the master key. in is sent as JSON where it is not nil; what comes back is read into out.
func (p *keyPlace) call(method, uri string, in, out any) (err error) {
	if p.data != "" || p.keys != "" {
		return errors.New("data keys are asked of a running gateway: name it by --address or --config, not by its folders")
	}
	gateway, raw := &host.Admin{Address: p.address, Config: p.config, Adapter: p.adapter}, []byte(nil)
	if in != nil {
		raw, err = callJSON(gateway, method, "/gateway/data-keys"+uri, in)
	} else {
		raw, err = gateway.Call(method, "/gateway/data-keys"+uri, nil, nil)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}

// dataKeyCommand is `keys new|disable|enable SET`.
func dataKeyCommand(p *keyPlace, name, uri, short string) *cobra.Command {
	return &cobra.Command{Use: name + " SET", Short: short, Args: host.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return p.changeDataKey(cmd.OutOrStdout(), uri, args[0])
	}}
}

// changeDataKey has the gateway change a set, and prints what it is now.
func (p *keyPlace) changeDataKey(w io.Writer, uri, set string) error {
	var j dataKeyJSON
	if err := p.call(http.MethodPost, uri, dataKeyRefJSON{set}, &j); err != nil {
		return err
	}
	t := newDataKeyTable(w)
	t.add(j)
	return t.Flush()
}

const destroyHelp = `
Overwrites the keys of a set: what they encrypted can be read by nobody any more, wherever copies of it lie, and nothing more is encrypted under its name
(until keys new makes another set of that name). There is no way back.

Backups of the gateway from before, and exports, still hold the set, wrapped by its master key: delete them too, or give the master key a new
version, rewrap, and destroy the old one.`

func destroyKeyCommand(p *keyPlace) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "destroy SET", Short: "Destroys a set of data keys, and with it what they encrypted", Long: destroyHelp, Args: host.ExactArgs(1)}
	cmd.Flags().BoolVar(&yes, "yes", false, "Do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !yes {
			if err := askName(cmd, args[0]); err != nil {
				return err
			}
		}
		return p.changeDataKey(cmd.OutOrStdout(), "/destroy", args[0])
	}
	return cmd
}

// askName has a person type the name of what will be lost.
func askName(cmd *cobra.Command, name string) error {
	in, isFile := cmd.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return errors.New("it can't be taken back: say --yes where nobody is there to be asked")
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "All that %s has encrypted will be lost. Write its name to go on: ", terminal.Clean(name))
	var answer string
	if _, err := fmt.Fscanln(in, &answer); err != nil || answer != name {
		return errors.New("that is not its name: nothing was changed")
	}
	return nil
}

func exportKeyCommand(p *keyPlace) *cobra.Command {
	var wrapped bool
	cmd := &cobra.Command{Use: "export --wrapped SET", Short: "Prints a set of data keys as its master key has wrapped it", Args: host.ExactArgs(1)}
	cmd.Flags().BoolVar(&wrapped, "wrapped", false, "As it is wrapped; there is no other way: keys leave the gateway in no other form")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !wrapped {
			return errors.New("keys leave the gateway wrapped only: say --wrapped")
		}
		var j dataKeyJSON
		if err := p.call(http.MethodGet, "/export?"+url.Values{"set": {args[0]}}.Encode(), nil, &j); err != nil {
			return err
		}
		return host.PrintJSON(cmd.OutOrStdout(), j)
	}
	return cmd
}

const rewrapHelp = `
Has the master key in force, by its newest version, wrap all sets of data keys: after the configuration names another master key (with the old one under accept), or after the key
got a new version where it is kept. The gateway does it in the background, and another takes over where that one ends. What the sets encrypted is not touched.`

func rewrapKeysCommand(p *keyPlace) *cobra.Command {
	var background, status, asJSON bool
	cmd := &cobra.Command{Use: "rewrap", Short: "Wraps all sets of data keys anew, by the master key in force", Long: rewrapHelp, Args: host.NoArgs}
	cmd.Flags().BoolVar(&background, "background", false, "Do not wait for the end")
	cmd.Flags().BoolVar(&status, "status", false, "Only say how far it is")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.MarkFlagsMutuallyExclusive("background", "status")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		method := http.MethodPost
		if status {
			method = http.MethodGet
		}
		for shown := ""; ; method = http.MethodGet {
			var j rewrapJSON
			if err := p.call(method, "/rewrap", nil, &j); err != nil {
				return err
			}
			wait := !background && !status && j.Finished == nil
			if asJSON && !wait {
				return host.PrintJSON(cmd.OutOrStdout(), j)
			}
			if line := j.line(); !asJSON && line != shown {
				fmt.Fprintln(cmd.OutOrStdout(), line)
				shown = line
			}
			if !wait {
				return j.outcome()
			}
			time.Sleep(300 * time.Millisecond)
		}
	}
	return cmd
}

func (j rewrapJSON) line() string {
	if j.Started == nil {
		return "nothing was wrapped anew yet"
	}
	line := fmt.Sprintf("%d of %d sets are wrapped anew", j.Done, j.Total)
	switch {
	case j.Finished != nil:
		line += ", since " + j.Finished.Format(time.RFC3339)
	case j.Trouble != "":
		line += "; it goes on when it can: " + terminal.Clean(j.Trouble)
	}
	return line
}

func (j rewrapJSON) outcome() error {
	if j.Finished != nil && j.Failed > 0 {
		return fmt.Errorf("%d sets could not be unwrapped, and are as they were", j.Failed)
	}
	return nil
}

// listDataKeys prints the sets whose names begin so.
func (p *keyPlace) listDataKeys(w io.Writer, prefix string, asJSON bool) error {
	t, all := newDataKeyTable(w), []dataKeyJSON{}
	for after := (&nextJSON{}); after != nil; {
		q := url.Values{"prefix": {prefix}, "after_name": {after.Name}, "after_id": {after.ID}}
		var page dataKeysJSON
		if err := p.call(http.MethodGet, "?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		if asJSON {
			all = append(all, page.Sets...)
		} else {
			for _, j := range page.Sets {
				t.add(j)
			}
		}
		after = page.Next
	}
	if asJSON {
		return host.PrintJSON(w, all)
	}
	return t.Flush()
}

type dataKeyTable struct{ *tabwriter.Writer }

func newDataKeyTable(w io.Writer) dataKeyTable {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SET\tNAME\tSTATE\tVERSIONS\tCREATED\tROTATED\tMASTER KEY")
	return dataKeyTable{t}
}

func (t dataKeyTable) add(j dataKeyJSON) {
	rotated := "-"
	if j.Rotated != nil {
		rotated = j.Rotated.Format(time.RFC3339)
	}
	fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", j.ID, terminal.Clean(j.Name), j.State, j.Versions, j.Created.Format(time.RFC3339), rotated, terminal.Clean(j.Master))
}
