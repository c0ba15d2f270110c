package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name: "audit", Usage: "verify|prove|export|tail", Short: "Checks and reads the log of events that can't be altered unseen", Long: auditHelp, CobraFunc: auditCommand,
	})
}

const auditHelp = `
A gateway keeps its events in a signed log (the folder "audit" of its data folder). These commands read it, also while the gateway runs.

	convosphere audit verify                     # is it what was signed? exit code 3 where it is not
	convosphere audit prove EVENT-ID > proof     # that an event is in it, for somebody who has not the log
	convosphere audit verify --proof proof --key KEY
	convosphere audit export --since 2026-11-01  # the events, with what is personal in them
	convosphere audit tail -f

The log is found from the gateway's configuration (--config), its data folder (--data), or is named by --dir, as a copy of it or one that was set aside. Without
any, it is that of the default data folder.`

// where is where a command finds a log, as its flags tell.
type where struct {
	host.Place
	dir, key string
}

func (w *where) flags(cmd *cobra.Command) {
	w.ConfigFlags(cmd, "of the gateway")
	cmd.Flags().StringVar(&w.Data, "data", "", "The gateway's data folder, in place of the configuration's")
	cmd.Flags().StringVar(&w.Keys, "keys", "", "The folder of its key ring")
	cmd.Flags().StringVar(&w.dir, "dir", "", "The folder of the log, if not \"audit\" in the data folder")
	cmd.Flags().StringVar(&w.key, "key", "", "The log's public key, where the key ring is not there: NAME+HASH+KEY")
}

func auditCommand(cmd *cobra.Command) {
	cmd.Args = host.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(verifyCommand(), proveCommand(), exportCommand(), tailCommand())
	host.Describe(cmd, auditHelps())
}

// open opens the log. Where there is no key ring, it is the key that is given, or the folder's own word.
func (w *where) open() (*auditlog.Folder, *keyring.Ring, error) {
	data, keys, err := w.Folders()
	if err != nil {
		return nil, nil, err
	}
	dir := w.dir
	if dir == "" {
		dir = filepath.Join(data, "audit")
	}
	if _, err := os.Stat(keys); errors.Is(err, fs.ErrNotExist) {
		f, err := auditlog.OpenFolder(dir, nil, w.key)
		return f, nil, err
	}
	ring, err := w.Ring()
	if err != nil {
		return nil, nil, err
	}
	f, err := auditlog.OpenFolder(dir, ring, w.key)
	return f, ring, err
}

// database opens the gateway's database to be read.
func (w *where) database(ctx context.Context) (*database.DB, error) {
	c, err := w.Database()
	if err != nil {
		return nil, err
	}
	return database.OpenToRead(ctx, c)
}

// reader opens a log and what opens its events.
func (w *where) reader(ctx context.Context) (f *auditlog.Folder, k auditlog.Keys, close func() error, err error) {
	f, ring, err := w.open()
	if err != nil {
		return nil, nil, nil, err
	}
	if ring == nil {
		return nil, nil, nil, errors.New("there is no key ring, without which events can't be opened: name the gateway's with --config, --data or --keys, or use --sealed")
	}
	db, err := w.database(ctx)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the database has the keys of the events: %w", err)
	}
	keys := personal.Open(db, nil, ring, time.Now)
	return f, &remembered{keys: keys, have: map[string]*personal.Key{}}, func() error {
		keys.Close()
		return db.Close()
	}, nil
}

// remembered keeps what it was asked for: many events have one key. It is one goroutine's.
type remembered struct {
	keys *personal.Keys
	have map[string]*personal.Key // nil: it was destroyed
}

const mostRemembered = 100_000

// ByID implements auditlog.Keys.
func (r *remembered) ByID(ctx context.Context, id string) (*personal.Key, error) {
	if k, ok := r.have[id]; ok {
		if k == nil {
			return nil, personal.ErrErased
		}
		return k, nil
	}
	k, err := r.keys.ByID(ctx, id)
	if err != nil && !errors.Is(err, personal.ErrErased) {
		return nil, err
	}
	if len(r.have) == mostRemembered {
		clear(r.have)
	}
	r.have[id] = k
	return k, err
}
