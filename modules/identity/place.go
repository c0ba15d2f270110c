package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
)

// place is where a gateway keeps its people, as the flags tell.
type place struct {
	config, adapter, data, database, keys string

	label string // of the service in authenticator apps; set by find
}

// flags adds the flags that the sub-commands share.
func (p *place) flags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&p.config, "config", "c", "", "The gateway's configuration file")
	flags.StringVarP(&p.adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
	flags.StringVar(&p.data, "data", "", "The gateway's data folder")
	flags.StringVar(&p.database, "database", "", "postgres://… or the path of an SQLite file")
	flags.StringVar(&p.keys, "keys", "", "The folder of the key ring")
	cmd.MarkFlagsMutuallyExclusive("config", "data")
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// configured is what of a gateway's configuration matters here. Its meaning is that of the app `gateway`.
type configured struct {
	Apps struct {
		Gateway *struct {
			DataDir     string    `json:"data_dir"`
			Database    string    `json:"database"`
			DatabaseTLS *link.TLS `json:"database_tls"`
			Keys        string    `json:"keys"`
			Identity    App       `json:"identity"`
		} `json:"gateway"`
	} `json:"apps"`
}

// find resolves the flags as the app gateway resolves its configuration: an empty value is its default in the data folder.
func (p *place) find() (directory.Config, error) {
	var app App
	data, db, keys := p.data, p.database, p.keys
	var encrypted *link.TLS // the configured database's link
	if p.config != "" {
		raw, _, _, err := caddycmd.LoadConfig(p.config, p.adapter)
		if err != nil {
			return directory.Config{}, fmt.Errorf("reading the configuration: %w", err)
		}
		var c configured
		if err := json.Unmarshal(raw, &c); err != nil {
			return directory.Config{}, fmt.Errorf("reading the configuration: %w", err)
		}
		if c.Apps.Gateway == nil {
			return directory.Config{}, fmt.Errorf("%s configures no gateway: it lacks the global option gateway", p.config)
		}
		g := c.Apps.Gateway
		app, data = g.Identity, g.DataDir
		if db == "" {
			db, encrypted = g.Database, g.DatabaseTLS
		}
		keys = or(keys, g.Keys)
	}
	repl := caddy.NewReplacer()
	for _, v := range []*string{&data, &db, &keys} {
		filled, err := repl.ReplaceOrErr(*v, true, true)
		if err != nil {
			return directory.Config{}, host.Unset(err)
		}
		*v = strings.TrimSpace(filled)
	}
	app.defaults()
	p.label = app.Label
	c := directory.At(or(data, filepath.Join(caddy.AppDataDir(), "convosphere")))
	c.Keys, c.Argon2, c.Desk, c.Mail = or(keys, c.Keys), app.Argon2.params(), app.desk(), app.Mail != nil
	policy, err := app.Passwords.policy(app.Label)
	if err == nil {
		policy.Breached, err = app.Passwords.breached(zap.NewNop())
	}
	if err != nil {
		return directory.Config{}, err
	}
	c.Passwords = &policy
	if db != "" && db == p.database && !strings.Contains(db, ":") {
		db = "sqlite:" + db // the flag also takes a plain path
	}
	if db, err = host.DatabaseName(db, encrypted); err != nil {
		return c, err
	}
	c.Database, err = database.Parse(db, or(data, filepath.Join(caddy.AppDataDir(), "convosphere")))
	return c, err
}

// with opens the directory for f. existing refuses an SQLite file that is not there: a mistyped folder must not become a new gateway. Where it
// may be the first start, it is said.
func (p *place) with(cmd *cobra.Command, existing bool, f func(context.Context, *directory.Directory) error) (err error) {
	c, err := p.find()
	if err != nil {
		return err
	}
	if c.Database.SQLite != "" {
		if _, err := os.Stat(c.Database.SQLite); errors.Is(err, fs.ErrNotExist) {
			if existing {
				return fmt.Errorf("there is no database at %s: name the gateway's with --config or --data", c.Database.SQLite)
			}
			cmd.PrintErrf("no database is at %s yet: making a new one\n", c.Database.SQLite)
		}
	}
	ctx := cmd.Context()
	if ctx == nil { // Caddy executes its commands without one
		ctx = context.Background()
	}
	d, err := directory.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return f(ctx, d)
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}
