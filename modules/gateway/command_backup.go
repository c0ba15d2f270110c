package gateway

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/internal/build"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/owner"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "backup", Usage: "FILE|list|drill", Short: "Backs up the gateway's database and keys into one encrypted file", Long: backupHelp, CobraFunc: described(backupCommand, backupHelps),
	})
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "restore", Usage: "FILE", Short: "Verifies and restores what `backup` made", Long: restoreHelp, CobraFunc: described(restoreCommand, restoreHelps),
	})
}

const placeHelp = `
The gateway's database and keys are found from its configuration (--config) or its data folder (--data); without either,
from the default data folder. --database and --keys replace single parts; {env.NAME} and {file.PATH} are filled in.

The passphrase is asked for, or read from standard input where that is no terminal (the first line); never from arguments.
--key-file takes a key file in its place, which ` + "`convosphere backup --new-key FILE`" + ` makes.`

const backupHelp = `
Writes the accounts, sessions, grants and whatever else of the gateway's is durable, as it is at one moment, and the key ring into one file,
encrypted with AES-256-GCM. The gateway may be running. A backup of SQLite can be restored into PostgreSQL, and the other way round.

Not in it: configuration, security events, captured requests, and what Redis holds, which expires within minutes.

A gateway also makes backups by itself (backup { … } in its configuration); "backup list" lists them, and "backup drill" tries whether one can be restored.
` + placeHelp

const restoreHelp = `
Reads the whole file, rebuilds its database aside and checks it, and only then puts it in place, all of it or nothing. Every gateway on the
target must be stopped. With --verify nothing is put in place.

It refuses a database that holds anything, and a key folder with other keys, unless told to --replace: an SQLite file and keys are
then moved aside, rows in PostgreSQL are lost. Keys that fit the backup stay as they are.

Everybody must sign in again, with the second factor, and reset links that were mailed are void, unless told to --keep-sessions: those that
were ended or used since the backup would live on. What else was taken back since is in force again: passwords, factors, tokens and roles that
were changed, people that were erased.
` + placeHelp

// at is where a command finds the gateway, as its flags tell.
type at struct{ config, adapter, data, database, keys, keyFile string }

func (p *at) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&p.config, "config", "c", "", "The gateway's configuration file")
	flags.StringVarP(&p.adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
	flags.StringVar(&p.data, "data", "", "The gateway's data folder")
	flags.StringVar(&p.database, "database", "", "postgres://… or the path of an SQLite file")
	flags.StringVar(&p.keys, "keys", "", "The folder of the key ring")
	flags.StringVar(&p.keyFile, "key-file", "", "A key file, in place of a passphrase")
	cmd.MarkFlagsMutuallyExclusive("config", "data")
}

// find resolves the flags as the app does its configuration.
func (p *at) find() (place backup.Place, dataDir string, err error) {
	app := App{DataDir: p.data}
	if p.config != "" {
		configured, err := loadApp(p.config, p.adapter)
		if err != nil {
			return place, "", err
		}
		app = App{DataDir: configured.DataDir, Database: configured.Database, DatabaseTLS: configured.DatabaseTLS, Keys: configured.Keys}
	}
	if p.database != "" && !strings.ContainsAny(p.database, ":{") {
		p.database = "sqlite:" + p.database // the flag also takes a plain path
	}
	if p.database != "" {
		app.Database, app.DatabaseTLS = p.database, nil // the configured link is another database's
	}
	app.Keys = cmp.Or(p.keys, app.Keys)
	if err := app.defaults(); err != nil {
		return place, "", err
	}
	place.Keys = app.Keys
	place.Database, err = database.Parse(app.Database, app.DataDir)
	return place, app.DataDir, err
}

// secret reads the key file, or a passphrase: at a terminal twice where it is new.
func (p *at) secret(cmd *cobra.Command, again bool) (backup.Secret, error) {
	if p.keyFile != "" {
		return backup.KeyFile(p.keyFile)
	}
	in := cmd.InOrStdin()
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && (err != io.EOF || line == "") {
			return backup.Secret{}, errors.New("no passphrase on standard input: pipe it in, or name a key file with --key-file")
		}
		return backup.Passphrase(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	prompts := []string{"Passphrase: "}
	if again {
		prompts = append(prompts, "Again: ")
	}
	var typed []string
	for _, prompt := range prompts {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return backup.Secret{}, fmt.Errorf("reading the passphrase: %w", err)
		}
		typed = append(typed, string(b))
	}
	if len(slices.Compact(typed)) != 1 {
		return backup.Secret{}, errors.New("the two passphrases differ")
	}
	return backup.Passphrase(typed[0])
}

func backupCommand(cmd *cobra.Command) {
	var p at
	var newKey string
	var withoutKeys, overwrite bool
	p.flags(cmd)
	cmd.Flags().BoolVar(&withoutKeys, "without-keys", false, "Leave the key ring out; the backup can then only be restored beside the same keys")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "Put it in the place of a file that is there")
	cmd.Flags().StringVar(&newKey, "new-key", "", "Make this key file, and nothing else")
	cmd.AddCommand(listBackupsCommand(), drillCommand())
	cmd.Args = host.AtMost(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if newKey != "" && len(args) == 0 {
			return backup.NewKeyFile(newKey)
		}
		if len(args) != 1 || newKey != "" {
			return errors.New("write `convosphere backup FILE`, or `convosphere backup --new-key FILE`")
		}
		place, _, err := p.find()
		if err != nil {
			return err
		}
		secret, err := p.secret(cmd, true)
		if err != nil {
			return err
		}
		return untilSignal(cmd, func(ctx context.Context) error {
			sum, err := backup.Create(ctx, args[0], overwrite, place, secret, backup.Options{WithoutKeys: withoutKeys, Gateway: build.Version(), Now: time.Now})
			if err == nil {
				tell(cmd.OutOrStdout(), sum)
			}
			return err
		})
	}
}

func restoreCommand(cmd *cobra.Command) {
	var p at
	var verify bool
	how := backup.How{Now: time.Now}
	p.flags(cmd)
	cmd.Flags().BoolVar(&verify, "verify", false, "Read and check the whole file, and restore nothing")
	cmd.Flags().BoolVar(&how.Replace, "replace", false, "Over a database that holds something, and over other keys")
	cmd.Flags().BoolVar(&how.WithoutKeys, "without-keys", false, "Leave the backup's keys out")
	cmd.Flags().BoolVar(&how.KeepSessions, "keep-sessions", false, "Sessions, trusted devices and mailed links live on, also those that were ended since")
	cmd.Args = host.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("opening the backup: %w", err)
		}
		defer f.Close()
		secret, err := p.secret(cmd, false)
		if err != nil {
			return err
		}
		if verify {
			return untilSignal(cmd, func(ctx context.Context) error {
				c, err := backup.Check(ctx, f, secret, "")
				if err != nil {
					return err
				}
				tell(cmd.OutOrStdout(), c.Summary)
				return c.Close()
			})
		}
		place, dataDir, err := p.find()
		if err != nil {
			return err
		}
		return untilSignal(cmd, func(ctx context.Context) error {
			return restore(ctx, cmd.OutOrStdout(), f, secret, place, dataDir, how)
		})
	}
}

func restore(ctx context.Context, out io.Writer, f *os.File, secret backup.Secret, place backup.Place, dataDir string, how backup.How) (err error) {
	// Beside the target: it holds the same as that, and can be moved there.
	scratch := dataDir
	if place.Database.SQLite != "" {
		scratch = filepath.Dir(place.Database.SQLite)
	}
	if err := owner.MkdirAll(scratch, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	c, err := backup.Check(ctx, f, secret, scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	done, err := c.Restore(ctx, place, how)
	if err != nil {
		return err
	}
	tell(out, c.Summary)
	for what, path := range map[string]string{"database": done.OldDatabase, "keys": done.OldKeys} {
		if path != "" {
			fmt.Fprintf(out, "the old %s: %s\n", what, path)
		}
	}
	return nil
}

// errInterrupted is what a signal ends a command with.
var errInterrupted = errors.New("interrupted: nothing was changed")

// untilSignal does what must put away its scratch files, also where a signal ends it: they hold what was decrypted. A second signal ends it at once.
func untilSignal(cmd *cobra.Command, do func(context.Context) error) error {
	parent := cmd.Context()
	if parent == nil { // Caddy executes its commands without one
		parent = context.Background()
	}
	ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := do(ctx)
	if err != nil && ctx.Err() != nil && parent.Err() == nil {
		return errInterrupted
	}
	return err
}

// tell prints what a backup holds.
func tell(w io.Writer, s backup.Summary) {
	keys := "with the key ring"
	if !s.Header.Keys {
		keys = "without the key ring"
	}
	var rows int64
	for _, n := range s.Rows {
		rows += n
	}
	fmt.Fprintf(w, "backup of %s by %s, from %s, %s\n%d accounts, %d rows in %d tables (version %d)\n",
		s.Header.Created.Format(time.RFC3339), s.Header.Gateway, s.Header.Database, keys, s.Rows["accounts"], rows, len(s.Rows), s.Header.Schema)
}
