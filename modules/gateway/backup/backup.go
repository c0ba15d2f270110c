package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// Place is where a gateway keeps what is durable.
type Place struct {
	Database database.Config
	Keys     string // folder of the key ring
}

// Options of a backup.
type Options struct {
	WithoutKeys bool   // leave the key ring out: what is sealed in the database can then only be read with the same ring
	Gateway     string // version of this program, for the header
	Now         func() time.Time
}

// Summary is what a backup holds.
type Summary struct {
	Header Header
	Rows   map[string]int64 // by table
}

// unsaved tells the tables that backups leave out: what running gateways tell each other, what they know of backups, and what only the database
// they are in can say of itself.
func unsaved(table string) bool {
	switch table {
	case "changes", "turns", "backups", "schema_needs":
		return true
	}
	return false
}

// place is the row and column that the proof is sealed for, and purpose the secret that it holds.
const (
	place   = "backup proof"
	purpose = "backup proof"
)

// Create writes a backup to path: whole, mode 0600, or not at all. An existing file is overwritten only where that is wanted.
func Create(ctx context.Context, path string, overwrite bool, from Place, s Secret, o Options) (sum Summary, err error) {
	if _, err := os.Lstat(path); err == nil && !overwrite {
		return sum, fmt.Errorf("%s exists: name another file, or say --overwrite", path)
	}
	f, err := owner.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return sum, fmt.Errorf("writing the backup: %w", err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	sum, err = Write(ctx, f, from, s, o)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return sum, err
	}
	if overwrite {
		err = os.Rename(f.Name(), path)
	} else {
		err = os.Link(f.Name(), path) // fails where the file has come to be meanwhile
		if err != nil && !errors.Is(err, fs.ErrExist) {
			err = os.Rename(f.Name(), path) // a file system without hard links
		}
	}
	if err != nil {
		return sum, fmt.Errorf("writing the backup: %w", err)
	}
	return sum, syncPath(filepath.Dir(path))
}

// syncPath has a file, or what a folder lists, on the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Write writes a backup of a gateway, which may be running, as it is at one moment. The database must not be newer than this program.
func Write(ctx context.Context, w io.Writer, from Place, s Secret, o Options) (sum Summary, err error) {
	db, err := database.OpenToRead(ctx, from.Database)
	if errors.Is(err, fs.ErrNotExist) {
		return sum, fmt.Errorf("there is no database at %s: name the gateway's with --config or --data", from.Database.SQLite)
	}
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	version, err := db.Version(ctx)
	if err != nil {
		return sum, err
	}
	if version > database.Latest() {
		return sum, fmt.Errorf("the database is of a newer gateway (tables of version %d, this program knows %d)", version, database.Latest())
	}
	tables, err := tablesOf(ctx, version)
	if err != nil {
		return sum, err
	}
	sum.Header = Header{Created: o.Now().UTC().Truncate(time.Second), Gateway: o.Gateway, Schema: version, Database: "sqlite", Keys: !o.WithoutKeys}
	if db.IsPostgres() {
		sum.Header.Database = "postgres"
	}
	body, err := seal(w, sum.Header, s)
	if err != nil {
		return sum, err
	}
	out := newWriter(body)
	err = db.Snapshot(ctx, func(tx *database.Tx) error {
		// The first query fixes the snapshot; the keys are read after it, so that they open all that it holds.
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM accounts WHERE id = ''`).Scan(new(int64)); err != nil {
			return fmt.Errorf("reading the database: %w", err)
		}
		if err := writeKeys(out, from.Keys, !o.WithoutKeys); err != nil {
			return err
		}
		for _, t := range tables {
			if err := writeTable(ctx, out, tx, t); err != nil {
				return fmt.Errorf("backing up table %s: %w", t.Name, err)
			}
		}
		return nil
	})
	if err == nil {
		err = out.end()
	}
	if err != nil {
		return sum, err // the body is left without its last segment: no reader takes it
	}
	sum.Rows = out.rows
	return sum, body.Close()
}

// tablesOf lists the tables that a backup of that version holds.
func tablesOf(ctx context.Context, version int64) (tables []database.Table, err error) {
	dir, err := os.MkdirTemp("", "gateway-tables-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := database.OpenScratch(ctx, filepath.Join(dir, "empty.db"), version)
	if err != nil {
		return nil, err
	}
	tables, err = saved(ctx, db)
	return tables, errors.Join(err, db.Close())
}

// saved lists the tables of an SQLite database that belong in a backup.
func saved(ctx context.Context, db *database.DB) ([]database.Table, error) {
	all, err := db.Tables(ctx)
	return slices.DeleteFunc(all, func(t database.Table) bool { return unsaved(t.Name) }), err
}

// writeKeys writes the proof, and the key files where they are wanted.
func writeKeys(out *writer, dir string, files bool) error {
	keys, err := keyring.Files(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(keys) == 0 {
		return fmt.Errorf("there are no keys in %s: name their folder with --config, --data or --keys", dir)
	}
	if err != nil {
		return err
	}
	ring, err := keyring.Open(dir)
	if err != nil {
		return err
	}
	proof, err := ring.Seal(ring.Derive(purpose), place)
	if err != nil {
		return err
	}
	if err := out.record(proofRecord, proof); err != nil || !files {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if err := out.key(name, keys[name]); err != nil {
			return err
		}
	}
	return nil
}

func writeTable(ctx context.Context, out *writer, tx *database.Tx, t database.Table) error {
	if err := out.table(t); err != nil {
		return err
	}
	return eachRow(ctx, tx, t, func(values []any) error { return out.row(t, values) })
}

// asked is a database, or a transaction of one.
type asked interface {
	Query(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

// eachRow hands over the rows of a table, one after the other in the same slice.
func eachRow(ctx context.Context, from asked, t database.Table, each func(values []any) error) error {
	rows, err := from.Query(ctx, `SELECT `+columns(t)+` FROM `+t.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]any, len(t.Columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := each(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

func columns(t database.Table) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
