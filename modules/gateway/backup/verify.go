package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// Checked is a backup that was read whole and rebuilt in a scratch folder. Close it.
type Checked struct {
	Summary

	scratch string            // holds restored.db, and the key ring where the backup has one
	keys    map[string][]byte // by file name
	proof   []byte
	sums    sums // of the rows as they were read; nil: nobody compares them
}

// Check reads a backup whole, rebuilds its database in a new folder below scratch ("": the system's for temporary files) with the
// tables of this program, and checks all that can be checked without a target. Errors: ErrNoBackup, ErrSecret, ErrAltered.
func Check(ctx context.Context, r io.Reader, s Secret, scratch string) (*Checked, error) {
	return check(ctx, r, s, scratch, nil)
}

// check is Check that compares what the rebuilt database holds with what it was given, row by row, where there are sums for it.
func check(ctx context.Context, r io.Reader, s Secret, scratch string, into sums) (_ *Checked, err error) {
	h, body, err := unseal(r, s)
	if err != nil {
		return nil, err
	}
	if h.Schema < 1 || h.Schema > database.Latest() {
		return nil, fmt.Errorf("the backup is of a newer gateway (%s, tables of version %d; this program knows %d)", h.Gateway, h.Schema, database.Latest())
	}
	c := &Checked{Summary: Summary{Header: h}, keys: map[string][]byte{}, sums: into}
	if c.scratch, err = os.MkdirTemp(scratch, ".restoring-"); err != nil { // mode 0700
		return nil, fmt.Errorf("making a scratch folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	db, err := database.OpenScratch(ctx, c.file(), h.Schema)
	if err != nil {
		return nil, err
	}
	err = c.rebuild(ctx, db, body)
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return c, c.checkKeys()
}

func (c *Checked) file() string { return filepath.Join(c.scratch, "restored.db") }

// Close removes the scratch folder.
func (c *Checked) Close() error { return os.RemoveAll(c.scratch) }

// rebuild fills the scratch database and brings it up to date.
func (c *Checked) rebuild(ctx context.Context, db *database.DB, body io.Reader) error {
	tables, err := saved(ctx, db)
	if err != nil {
		return err
	}
	err = db.InTx(ctx, func(tx *database.Tx) error {
		// What refers to what is checked at the end: rows come in any order.
		if _, err := tx.Exec(ctx, `PRAGMA defer_foreign_keys = ON`); err != nil {
			return err
		}
		to := &filler{Checked: c, into: inserter{ctx: ctx, tx: tx}}
		if c.Rows, err = read(body, tables, c.Header.Keys, to); err != nil {
			return err
		}
		return to.into.flush()
	})
	if err == nil && c.sums != nil {
		err = c.sums.compare(ctx, db, tables)
	}
	if err != nil {
		return err
	}
	return db.Migrate(ctx)
}

// filler puts what is read where it belongs.
type filler struct {
	*Checked
	into inserter
}

func (f *filler) table(t database.Table) error { return f.into.begin(t) }

func (f *filler) row(t database.Table, values []any) error {
	if f.sums != nil {
		if err := f.sums.add(t, values); err != nil {
			return err
		}
	}
	return f.into.add(values)
}

func (f *filler) key(name string, raw []byte) error {
	if err := keyring.CheckFile(name, len(raw)); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	f.keys[name] = raw
	return nil
}

func (f *filler) proof(sealed []byte) error {
	f.Checked.proof = append([]byte{}, sealed...)
	return nil
}

// checkKeys sees that the backup's own key ring opens what its database holds.
func (c *Checked) checkKeys() error {
	if !c.Header.Keys {
		return nil
	}
	ok, err := c.fits(c.keys)
	if err == nil && !ok {
		err = fmt.Errorf("%w: its keys are not those of its database", errMalformed)
	}
	return err
}

// fits tells whether these key files are the ring that the backup's database was sealed with. It tries copies: opening a ring makes
// what is missing.
func (c *Checked) fits(files map[string][]byte) (ok bool, err error) {
	dir, err := os.MkdirTemp(c.scratch, "keys-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, _, err := keyring.Install(dir, files); err != nil {
		return false, err
	}
	ring, err := keyring.Open(dir)
	if err != nil {
		return false, err
	}
	opened, err := ring.Unseal(c.proof, place)
	return err == nil && string(opened) == string(ring.Derive(purpose)), nil
}

// inserter writes rows, several by one statement.
type inserter struct {
	ctx    context.Context
	tx     *database.Tx
	table  database.Table
	values []any
}

func (w *inserter) begin(t database.Table) error {
	err := w.flush()
	w.table = t
	return err
}

// Each statement has a bounded number of values: both databases allow 30,000 and more.
func (w *inserter) add(values []any) error {
	w.values = append(w.values, values...)
	if len(w.values)+len(w.table.Columns) > 4000 {
		return w.flush()
	}
	return nil
}

func (w *inserter) flush() error {
	n := len(w.table.Columns)
	if len(w.values) == 0 {
		return nil
	}
	row := "(?" + strings.Repeat(", ?", n-1) + ")"
	q := `INSERT INTO ` + w.table.Name + ` (` + columns(w.table) + `) VALUES ` + row + strings.Repeat(", "+row, len(w.values)/n-1)
	_, err := w.tx.Exec(w.ctx, q, w.values...)
	w.values = w.values[:0]
	if err != nil {
		return fmt.Errorf("filling table %s: %w", w.table.Name, err)
	}
	return nil
}
