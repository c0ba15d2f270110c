package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Drilled is what a restore that was only tried has shown.
type Drilled struct {
	Summary

	Size    int64         // bytes that were read of the file
	Read    time.Duration // to read, decrypt and rebuild it, and to compare what was rebuilt
	Opened  time.Duration // to open the database as a gateway does, and to look through it
	Samples []Sample      // of what is sealed; none where the backup has no keys and none were named
}

// Sample is how many sealed values of a column were tried, and opened.
type Sample struct {
	What          string
	Tried, Opened int
}

// sampled are the columns whose values the key ring seals, each with its row's part of the place that they are sealed for.
var sampled = [...]struct{ what, table, id, column string }{
	{"second factors", "second_factors", "id", "secret"},
	{"keys of personal data", "account_keys", "account", "secret"},
	{"keys of the audit log", "audit_keys", "id", "secret"},
	{"mailed links", "tickets", "hash", "data"},
	{"mails to be sent", "outbox", "id", "letter"},
}

// mostSampled is how many values of a column are tried.
const mostSampled = 100

// Drill restores a backup aside, in a new folder below scratch ("": the system's for temporary files), and does with it what a gateway would: reads it whole,
// rebuilds its database, compares that row by row with the file, opens it, has the database check itself, and decrypts a sample of what is sealed, with the backup's
// own keys or those of the folder keys. Nothing of it stays. Errors are those of Check, and what was found wrong.
func Drill(ctx context.Context, r io.Reader, s Secret, scratch, keys string) (d Drilled, err error) {
	in := &counter{r: r}
	began := time.Now()
	c, err := check(ctx, in, s, scratch, sums{})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	d.Summary, d.Size, d.Read = c.Summary, in.n, time.Since(began)
	began = time.Now()
	if err := c.open(ctx, keys, &d); err != nil {
		return d, err
	}
	d.Opened = time.Since(began)
	return d, nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// open opens what was rebuilt as a gateway does, and looks through it.
func (c *Checked) open(ctx context.Context, keys string, d *Drilled) (err error) {
	db, err := database.Open(ctx, database.Config{SQLite: c.file()})
	if err != nil {
		return fmt.Errorf("opening what was restored: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var said string
	if err := db.QueryRow(ctx, `SELECT integrity_check FROM pragma_integrity_check LIMIT 1`).Scan(&said); err != nil {
		return fmt.Errorf("having the database check itself: %w", err)
	}
	if said != "ok" {
		return fmt.Errorf("%w: SQLite finds %.200s", errDiffers, said)
	}
	ring, err := c.ring(keys)
	if err != nil || ring == nil {
		return err
	}
	return c.sample(ctx, db, ring, d)
}

// ring is the backup's own, or that of the folder; nil where there is neither.
func (c *Checked) ring(dir string) (*keyring.Ring, error) {
	if !c.Header.Keys {
		if dir == "" {
			return nil, nil
		}
		files, err := keyring.Files(dir)
		if err != nil {
			return nil, err
		}
		fits, err := c.fits(files)
		if err == nil && !fits {
			err = fmt.Errorf("%s does not hold the keys that the backup's database was sealed with", dir)
		}
		if err != nil {
			return nil, err
		}
		return keyring.Open(dir)
	}
	own := filepath.Join(c.scratch, "drilled-keys")
	if _, _, err := keyring.Install(own, c.keys); err != nil {
		return nil, err
	}
	return keyring.Open(own)
}

// ErrSealed is what a drill ends with whose keys open less than all that was tried.
var ErrSealed = errors.New("what the database holds sealed can't be opened with the keys")

func (c *Checked) sample(ctx context.Context, db *database.DB, ring *keyring.Ring, d *Drilled) error {
	for _, what := range sampled {
		one := Sample{What: what.what}
		rows, err := db.Query(ctx, `SELECT `+what.id+`, `+what.column+` FROM `+what.table+` ORDER BY `+what.id+` LIMIT ?`, mostSampled)
		if err != nil {
			return fmt.Errorf("trying %s: %w", what.what, err)
		}
		for rows.Next() {
			var id string
			var sealed []byte
			if err := rows.Scan(&id, &sealed); err != nil {
				return errors.Join(fmt.Errorf("trying %s: %w", what.what, err), rows.Close())
			}
			if len(sealed) == 0 { // of somebody who was erased
				continue
			}
			one.Tried++
			if _, err := ring.Unseal(sealed, store.Key(what.table, what.column, id)); err == nil {
				one.Opened++
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("trying %s: %w", what.what, err)
		}
		d.Samples = append(d.Samples, one)
	}
	for _, one := range d.Samples {
		if one.Opened < one.Tried {
			return fmt.Errorf("%w: %s: %d of %d", ErrSealed, one.What, one.Opened, one.Tried)
		}
	}
	return nil
}
