package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/gateway/configs"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "config", Usage: "list|show|diff|restore", Short: "Shows and brings back configurations that were in force", Long: configHelp, CobraFunc: configCommand,
	})
}

const configHelp = `
Each configuration that comes in force on a node is kept in its data folder, numbered from 1, as the JSON that Caddy runs, encrypted with the key ring; the newest 200 stay.
A reload of the same configuration is no new one. They are found by --config or --data, as the keys are.

What "show" and "diff" print holds no secrets: not what a name or its looks say is one, no header of requests that the gateway makes (webhooks, collectors, bundles, back ends) nor one that a
matcher asks for, and of the addresses that news go to (webhooks, alerts, collectors) no more than scheme and host. {env.NAME} and {file.PATH} are shown. "restore" writes one out whole, secrets included, to a new file that nobody else can read; put it in force with
"convosphere reload --config FILE".
`

func configCommand(cmd *cobra.Command) {
	var p keyPlace
	flags := cmd.PersistentFlags()
	flags.StringVarP(&p.config, "config", "c", "", "The gateway's configuration file")
	flags.StringVarP(&p.adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
	flags.StringVar(&p.data, "data", "", "The gateway's data folder")
	cmd.MarkFlagsMutuallyExclusive("config", "data")
	cmd.Example = "  convosphere config list --config /etc/convosphere/Caddyfile\n  convosphere config diff 3"
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range []struct {
		use, short, example string
		args                cobra.PositionalArgs
		do                  func(w io.Writer, b configs.Book, args []string) error
	}{
		{"list", "Lists the configurations that were in force", "convosphere config list", host.NoArgs, listConfigs},
		{"show [NUMBER]", "Prints one, without its secrets; the newest where none is named", "convosphere config show 3", host.AtMost(1), showConfig},
		{"diff NUMBER [NUMBER]", "Prints what differs between two, or between one and the newest", "convosphere config diff 3 5", host.Between(1, 2), diffConfigs},
		{"restore NUMBER FILE", "Writes one into a new file, secrets included", "convosphere config restore 3 was.json && convosphere reload --config was.json", host.ExactArgs(2), restoreConfig},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: c.use, Short: c.short, Long: c.short + ".", Example: "  " + c.example, Args: c.args,
			RunE: func(cmd *cobra.Command, args []string) error {
				b, err := p.book()
				if err != nil {
					return err
				}
				return c.do(cmd.OutOrStdout(), b, args)
			},
		})
	}
}

func (p *keyPlace) book() (configs.Book, error) {
	a := App{DataDir: p.data}
	if p.config != "" {
		configured, err := loadApp(p.config, p.adapter)
		if err != nil {
			return configs.Book{}, err
		}
		a.DataDir = configured.DataDir
	}
	if err := a.defaults(); err != nil {
		return configs.Book{}, err
	}
	ring, err := p.open()
	return configs.Book{Dir: configurationsIn(a.DataDir), Keys: ring}, err
}

func listConfigs(w io.Writer, b configs.Book, _ []string) error {
	all, err := b.Numbers()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VERSION\tIN FORCE SINCE\tDIGEST\tBYTES")
	for _, n := range all {
		v, err := b.Get(n)
		if err != nil {
			fmt.Fprintf(t, "%d\t%v\t\t\n", n, err)
			continue
		}
		fmt.Fprintf(t, "%d\t%s\t%.12s\t%d\n", n, v.At.Format(time.RFC3339), v.Digest, len(v.Config))
	}
	return t.Flush()
}

func numbered(b configs.Book, arg string) (configs.Version, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 {
		return configs.Version{}, fmt.Errorf("%q is no version: `convosphere config list` lists them", arg)
	}
	return b.Get(n)
}

// tree is a version without its secrets.
func tree(v configs.Version) (inforce.Tree, error) {
	var t inforce.Tree
	if err := json.Unmarshal(v.Config, &t); err != nil {
		return nil, fmt.Errorf("configuration %d is no JSON object: %w", v.Number, err)
	}
	hidden, _ := inforce.Hide("", t).(inforce.Tree)
	return hidden, nil
}

func showConfig(w io.Writer, b configs.Book, args []string) error {
	v, err := b.Get(0)
	if len(args) == 1 {
		v, err = numbered(b, args[0])
	}
	if err != nil {
		return err
	}
	t, err := tree(v)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(t)
}

// diffConfigs compares setting by setting. Two secrets that differ look alike: that they do is said of the whole.
func diffConfigs(w io.Writer, b configs.Book, args []string) error {
	old, err := numbered(b, args[0])
	if err != nil {
		return err
	}
	fresh, err := b.Get(0)
	if len(args) == 2 {
		fresh, err = numbered(b, args[1])
	}
	if err != nil {
		return err
	}
	was, err := flatOf(old)
	if err != nil {
		return err
	}
	is, err := flatOf(fresh)
	if err != nil {
		return err
	}
	n := 0
	for _, change := range inforce.Differences(was, is) {
		n++
		fmt.Fprintln(w, change)
	}
	switch {
	case old.Digest == fresh.Digest:
		_, err = fmt.Fprintf(w, "%d and %d are the same\n", old.Number, fresh.Number)
	case n == 0:
		_, err = fmt.Fprintf(w, "%d and %d differ in secrets, or in the order of what has none\n", old.Number, fresh.Number)
	case secretsDiffer(old, fresh):
		_, err = fmt.Fprintln(w, "and secrets, which are not shown, differ")
	}
	return err
}

// secretsDiffer tells whether what is hidden of the two is not the same.
func secretsDiffer(old, fresh configs.Version) bool {
	var was, is inforce.Tree
	if json.Unmarshal(old.Config, &was) != nil || json.Unmarshal(fresh.Config, &is) != nil {
		return false // neither could have been shown
	}
	hidden := func(t inforce.Tree) map[string]string {
		shown, _ := inforce.Hide("", t).(inforce.Tree)
		seen, all := map[string]string{}, map[string]string{}
		for _, s := range inforce.Flat(shown) {
			seen[s.Name] = s.Value
		}
		for _, s := range inforce.Flat(t) {
			if v, there := seen[s.Name]; there && v != s.Value {
				all[s.Name] = s.Value
			}
		}
		return all
	}
	return !maps.Equal(hidden(was), hidden(is))
}

func flatOf(v configs.Version) ([]inforce.Setting, error) {
	t, err := tree(v)
	if err != nil {
		return nil, err
	}
	return inforce.Flat(t), nil
}

func restoreConfig(w io.Writer, b configs.Book, args []string) error {
	v, err := numbered(b, args[0])
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[1], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // it may hold secrets
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = f.Write(v.Config)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	path, err := filepath.Abs(args[1])
	if err == nil {
		_, err = fmt.Fprintf(w, "configuration %d, in force since %s, is in %s\nput it in force: convosphere reload --config %s\n", v.Number, v.At.Format(time.RFC3339), path, path)
	}
	return err
}
