package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/internal/host"
)

const listHelp = `
Lists the backups that the gateway has made by itself, the newest first: of FOLDER, or of the folder that the configuration names (--config). What their
heads say is readable without the secret, and not known to be genuine: ` + "`backup drill`" + ` tells.`

const drillHelp = `
Restores a backup aside and does with it what a gateway would: reads the whole file, rebuilds its database, compares that row by row with the file, opens it, has it
check itself, and decrypts a sample of what is sealed in it. Nothing of the gateway is touched, and nothing of the drill stays.

It says how long each step took: what a restore would take. Without FILE, or with "latest", it takes the newest of the folder that the configuration names (--config), and the
key or passphrase file named there. A running gateway is told (event backup-drilled), so that nobody has to believe that drills are held.

--into names the folder for what is decrypted meanwhile, in place of the data folder (or, where there is none, the system's for temporary files); it needs room for
the database. Exit codes: 0 the backup is good, 1 it is not, or could not be tried.
`

func listBackupsCommand() *cobra.Command {
	var config, adapter string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list [FOLDER]", Short: "Lists the backups that the gateway has made by itself", Long: listHelp,
		Example: "  convosphere backup list --config /etc/convosphere/Caddyfile", Args: host.AtMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var folder string
			if len(args) == 1 {
				folder = args[0]
			} else {
				b, err := configuredBackup(config, adapter)
				if err != nil {
					return err
				}
				folder = b.Folder
			}
			if _, err := os.Stat(folder); err != nil { // to backup.List it is one without backups, which it may yet become
				return fmt.Errorf("listing the backups: %w", err)
			}
			all, err := backup.List(folder)
			if err != nil {
				return err
			}
			if asJSON {
				return listJSON(cmd.OutOrStdout(), all)
			}
			return listTable(cmd.OutOrStdout(), folder, all)
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "The gateway's configuration file")
	cmd.Flags().StringVarP(&adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

// configuredBackup is what a configuration says of backups.
func configuredBackup(config, adapter string) (*Backup, error) {
	if config == "" {
		return nil, errors.New("name the backups, or the configuration that does (--config)")
	}
	a, err := loadApp(config, adapter)
	if err != nil {
		return nil, err
	}
	if a.Backup == nil {
		return nil, fmt.Errorf("%s configures no backups: name them", config)
	}
	return a.Backup, a.Backup.fill()
}

func listTable(w io.Writer, folder string, all []backup.File) error {
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "there is no backup in %s\n", folder)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MADE\tNODE\tMiB\tBY\tTABLES\tKEYS\tFILE")
	for _, f := range all {
		if f.Err != nil {
			fmt.Fprintf(t, "%s\t%s\t%.1f\tunreadable: %v\t\t\t%s\n", f.Made.Format(time.RFC3339), f.Node, mib(f.Size), f.Err, f.Path)
			continue
		}
		keys := "with"
		if !f.Header.Keys {
			keys = "without"
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%s\t%d\t%s\t%s\n", f.Made.Format(time.RFC3339), f.Node, mib(f.Size), f.Header.Gateway, f.Header.Schema, keys, f.Path)
	}
	return t.Flush()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// listedJSON is a backup of the list.
type listedJSON struct {
	File     string    `json:"file"`
	Made     time.Time `json:"made"`
	Node     string    `json:"node"`
	Size     int64     `json:"size"`
	Gateway  string    `json:"gateway,omitempty"`
	Schema   int64     `json:"schema,omitempty"`
	Keys     bool      `json:"keys"`
	Readable bool      `json:"readable"`
}

func listJSON(w io.Writer, all []backup.File) error {
	out := make([]listedJSON, 0, len(all))
	for _, f := range all {
		out = append(out, listedJSON{f.Path, f.Made, f.Node, f.Size, f.Header.Gateway, f.Header.Schema, f.Header.Keys, f.Err == nil})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func drillCommand() *cobra.Command {
	var p at
	var into, address string
	cmd := &cobra.Command{
		Use: "drill [FILE|latest]", Short: "Restores a backup aside, and tells whether it is good and how long it took", Long: drillHelp,
		Example: "  convosphere backup drill --config /etc/convosphere/Caddyfile\n  convosphere backup drill /mnt/backups/gateway.backup --key-file /etc/convosphere/backup.key", Args: host.AtMost(1),
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&into, "into", "", "The folder for what is decrypted meanwhile; default: the data folder, where there is one")
	cmd.Flags().StringVar(&address, "address", "", "The admin address of the running gateway, which is told; default: the configuration's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path, secret, err := p.toDrill(cmd, args)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("opening the backup: %w", err)
		}
		defer f.Close()
		h, err := backup.ReadHeader(f)
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		if err != nil {
			return err
		}
		keys := p.keys
		if !h.Keys && keys == "" && p.config+p.data != "" {
			place, _, err := p.find()
			if err != nil {
				return err
			}
			keys = place.Keys
		}
		if into == "" {
			if into, err = p.scratch(); err != nil {
				return err
			}
		}
		began := time.Now()
		return untilSignal(cmd, func(ctx context.Context) error {
			d, err := backup.Drill(ctx, f, secret, into, keys)
			if ctx.Err() == nil {
				tellDrilled(cmd, &host.Admin{Address: address, Config: p.config, Adapter: p.adapter}, h, d, err, time.Since(began))
			}
			if err != nil {
				return err
			}
			return drilledTable(cmd.OutOrStdout(), path, d)
		})
	}
	return cmd
}

// scratch is the data folder, as for the drills of the schedule: it has room for the database, and what is decrypted is where the same is already. Where there is none it is "",
// the system's for temporary files.
func (p *at) scratch() (string, error) {
	app := App{DataDir: p.data}
	if p.config != "" {
		configured, err := loadApp(p.config, p.adapter)
		if err != nil {
			return "", err
		}
		app.DataDir = configured.DataDir
	}
	if err := app.defaults(); err != nil {
		return "", err
	}
	if info, err := os.Stat(app.DataDir); err != nil || !info.IsDir() {
		return "", nil
	}
	return app.DataDir, nil
}

// toDrill is which file, and what opens it.
func (p *at) toDrill(cmd *cobra.Command, args []string) (path string, s backup.Secret, err error) {
	var b *Backup
	latest := len(args) == 0 || args[0] == "latest"
	if latest || p.config != "" && p.keyFile == "" {
		if b, err = configuredBackup(p.config, p.adapter); err != nil && latest {
			return "", s, err
		}
	}
	if latest {
		f, err := backup.Latest(b.Folder)
		if err != nil {
			return "", s, err
		}
		path = f.Path
	} else {
		path = args[0]
	}
	if p.keyFile == "" && b != nil {
		s, err = b.secret()
	} else {
		s, err = p.secret(cmd, false)
	}
	return path, s, err
}

func drilledTable(w io.Writer, path string, d backup.Drilled) error {
	fmt.Fprintf(w, "%s is good\n", path)
	tell(w, d.Summary)
	fmt.Fprintf(w, "%.1f MiB read, decrypted, rebuilt and compared in %s; opened and looked through in %s\n", mib(d.Size), d.Read.Round(time.Millisecond), d.Opened.Round(time.Millisecond))
	if d.Samples == nil {
		fmt.Fprintln(w, "what is sealed was not tried: the backup is without keys, and none were named (--keys)")
	}
	for _, one := range d.Samples {
		fmt.Fprintf(w, "%s: %d of %d opened\n", one.What, one.Opened, one.Tried)
	}
	_, err := fmt.Fprintf(w, "restoring it would lose what has happened since: %s\n", time.Since(d.Header.Created).Round(time.Second))
	return err
}

// drilledJSON is what a running gateway is told of a drill.
type drilledJSON struct {
	Good    bool      `json:"good"`
	Created time.Time `json:"created"` // of the backup
	Rows    int64     `json:"rows"`
	Size    int64     `json:"size"`
	Seconds float64   `json:"seconds"`
}

// tellDrilled tells the running gateway. Where there is none, or it can't take it, the drill is what it is, and that is said.
func tellDrilled(cmd *cobra.Command, admin *host.Admin, h backup.Header, d backup.Drilled, err error, took time.Duration) {
	told := drilledJSON{Good: err == nil, Created: h.Created, Size: d.Size, Seconds: took.Seconds()}
	for _, n := range d.Rows {
		told.Rows += n
	}
	raw, err := json.Marshal(told)
	if err == nil {
		_, err = admin.Call(http.MethodPost, "/gateway/backups/drilled", http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(raw))
	}
	switch {
	case errors.Is(err, host.ErrNoAnswer):
		fmt.Fprintln(cmd.ErrOrStderr(), "no gateway runs here that could put the drill on record")
	case err != nil:
		fmt.Fprintln(cmd.ErrOrStderr(), "the drill is not on record:", err)
	}
}
