package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "keys",
		Usage:     "list|rotate|new|disable|enable|destroy|rewrap|export",
		Short:     "Shows and replaces the gateway's signing keys and data keys",
		Long:      keysHelp,
		CobraFunc: keysCommand,
	})
}

const keysHelp = `
There are two kinds of keys, and they have nothing to do with each other.

Signing keys sign access tokens and assertions: "keys list" and "keys rotate", without a set. They are in the key folder, which is found from the gateway's
configuration (--config) or its data folder (--data), or named by --keys; without any, in the default data folder. Gateways that run act on it within two seconds.

A new signing key is published at once and signs ten minutes later; the one before verifies for 70 minutes after that. So nobody is signed out and
no request fails. With --withdraw the new key stands in for all others at once: for when one may be in wrong hands. Access tokens
are then refused, and people get new ones by their refresh tokens.

Data keys encrypt fields and files for the back end, a set for each tenant or room: "keys list --sets" and all that names a SET (its name as room/general, or its id). They are
in the database, wrapped by a master key, and are asked of a running gateway, at its admin address (--address, or that of --config). A change holds in the whole fleet within a second.`

// keyPlace is where the key folder is, as the flags tell.
type keyPlace struct{ config, adapter, data, keys, address string }

func keysCommand(cmd *cobra.Command) {
	var p keyPlace
	flags := cmd.PersistentFlags()
	flags.StringVarP(&p.config, "config", "c", "", "The gateway's configuration file")
	flags.StringVarP(&p.adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
	flags.StringVar(&p.data, "data", "", "The gateway's data folder")
	flags.StringVar(&p.keys, "keys", "", "The folder of the key ring")
	flags.StringVar(&p.address, "address", "", "For data keys: the admin address of the running gateway, if not the configuration's")
	cmd.MarkFlagsMutuallyExclusive("config", "data", "keys")
	cmd.MarkFlagsMutuallyExclusive("address", "data", "keys")
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(listKeysCommand(&p), rotateKeysCommand(&p),
		dataKeyCommand(&p, "new", "", "Makes a set of data keys"),
		dataKeyCommand(&p, "disable", "/disable", "Keeps a set of data keys from being used, until enable"),
		dataKeyCommand(&p, "enable", "/enable", "Takes disable back"),
		destroyKeyCommand(&p), rewrapKeysCommand(&p), exportKeyCommand(&p))
	host.Describe(cmd, keysHelps())
}

func listKeysCommand(p *keyPlace) *cobra.Command {
	var asJSON, sets bool
	var prefix string
	cmd := &cobra.Command{Use: "list [--sets]", Short: "Lists the signing keys, or the sets of data keys", Args: host.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		if sets || prefix != "" {
			return p.listDataKeys(cmd.OutOrStdout(), prefix, asJSON)
		}
		r, err := p.open()
		if err != nil {
			return err
		}
		if asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(r.Keys())
		}
		return keyTable(cmd.OutOrStdout(), r.Keys())
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().BoolVar(&sets, "sets", false, "List the sets of data keys of the running gateway")
	cmd.Flags().StringVar(&prefix, "prefix", "", "Only sets whose names begin so")
	return cmd
}

func rotateKeysCommand(p *keyPlace) *cobra.Command {
	var withdraw bool
	cmd := &cobra.Command{Use: "rotate [SET]", Short: "Replaces the signing key, or adds a version to a set of data keys", Args: host.AtMost(1), RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			if withdraw {
				return errors.New("--withdraw is of signing keys: what a data key has encrypted could not be read without it")
			}
			return p.changeDataKey(cmd.OutOrStdout(), "/rotate", args[0])
		}
		r, err := p.open()
		if err != nil {
			return err
		}
		if withdraw {
			_, err = r.Withdraw()
		} else {
			_, err = r.Rotate()
		}
		if errors.Is(err, keyring.ErrOnItsWay) {
			return fmt.Errorf("%w: wait for it, or use --withdraw", err)
		}
		if err != nil {
			return err
		}
		return keyTable(cmd.OutOrStdout(), r.Keys())
	}}
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "Refuse all keys before at once: one may be in wrong hands")
	return cmd
}

func keyTable(w io.Writer, keys []keyring.Key) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tSTATE\tSIGNS FROM\tVERIFIES UNTIL")
	at := func(v time.Time) string {
		if v.IsZero() {
			return "-"
		}
		return v.Format(time.RFC3339)
	}
	for _, k := range keys {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", k.ID, k.State, at(k.From), at(k.Until))
	}
	return t.Flush()
}

// open opens the key ring that is there: a mistyped folder, or one that is not mounted, must not become a new one.
func (p *keyPlace) open() (*keyring.Ring, error) {
	dir, err := p.find()
	if err != nil {
		return nil, err
	}
	if keyring.Lacks(dir) {
		return nil, fmt.Errorf("there is no key ring at %s: name the gateway's with --config, --data or --keys", dir)
	}
	return keyring.Open(dir)
}

func (p *keyPlace) find() (string, error) {
	a := App{DataDir: p.data, Keys: p.keys}
	if p.config != "" {
		configured, err := loadApp(p.config, p.adapter)
		if err != nil {
			return "", err
		}
		a = App{DataDir: configured.DataDir, Keys: configured.Keys}
	}
	err := a.defaults()
	return a.Keys, err
}

// loadApp reads the app from a configuration file.
func loadApp(config, adapter string) (*App, error) {
	raw, _, _, err := caddycmd.LoadConfig(config, adapter)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	var c struct {
		Apps struct {
			Gateway *App `json:"gateway"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if c.Apps.Gateway == nil {
		return nil, fmt.Errorf("%s configures no gateway: it lacks the global option gateway", config)
	}
	return c.Apps.Gateway, nil
}
