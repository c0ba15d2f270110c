package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// How says how a backup is restored.
type How struct {
	Replace      bool // over a database or keys that hold something else
	WithoutKeys  bool // leave the target's keys as they are, though the backup has some; they must be the same
	KeepSessions bool // sessions, mailed links and trusted devices of the backup live on; what was ended since lives again
	Now          func() time.Time
}

// Done tells what a restore has moved out of the way.
type Done struct {
	OldDatabase string // path of the SQLite file that was replaced
	OldKeys     string // folder of the keys that were replaced
}

// Errors of a target that does not suit.
var (
	ErrNotEmpty = errors.New("the database is not empty: to lose what it holds, say --replace")
	ErrInUse    = errors.New("the database is in use: stop every gateway on it first")
	ErrOther    = errors.New("the key folder holds other keys: to move them aside, say --replace")
)

// Restore puts the backup in place of what the target holds, all of it or nothing. No gateway may run on the target.
func (c *Checked) Restore(ctx context.Context, to Place, how How) (done Done, err error) {
	if !how.KeepSessions {
		if err := c.endOpen(ctx, how.Now()); err != nil {
			return done, err
		}
	}
	undo := func() error { return nil }
	swapKeys := func() error {
		install, err := c.mayInstallKeys(to.Keys, how)
		if err == nil && install {
			done.OldKeys, undo, err = keyring.Install(to.Keys, c.keys)
		}
		return err
	}
	if to.Database.Postgres != "" {
		err = c.intoPostgres(ctx, to.Database.Postgres, how.Replace, swapKeys)
	} else {
		done.OldDatabase, err = c.intoSQLite(ctx, to.Database.SQLite, how, swapKeys)
	}
	if err != nil {
		return Done{}, errors.Join(err, undo())
	}
	return done, nil
}

// endOpen ends what was open when the backup was made, since nobody knows what of it was ended or used after: sessions, trust in devices, links
// that were mailed to whom has an account, and mails that were to be sent. Links of who is yet to have one stay: the account that one
// has become since is not in the backup.
func (c *Checked) endOpen(ctx context.Context, now time.Time) error {
	db, err := database.Open(ctx, database.Config{SQLite: c.file()})
	if err != nil {
		return err
	}
	err = db.InTx(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sessions SET ended_at = ?, reason = 'restored from a backup' WHERE ended_at = 0`, database.Micros(now))
		for _, q := range []string{`UPDATE devices SET trusted_until = 0`, `DELETE FROM tickets WHERE account <> ''`, `DELETE FROM outbox`} {
			if err == nil {
				_, err = tx.Exec(ctx, q)
			}
		}
		return err
	})
	return errors.Join(err, db.Close())
}

// mayInstallKeys tells whether the backup's keys go into the folder. Keys there that open the backup's database stay: their signing keys
// may be newer, and some of the backup's withdrawn since.
func (c *Checked) mayInstallKeys(dir string, how How) (bool, error) {
	old, err := keyring.Files(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	there, fits := len(old) > 0, false
	if there {
		if fits, err = c.fits(old); err != nil {
			return false, err
		}
	}
	offered := c.Header.Keys && !how.WithoutKeys
	switch {
	case fits:
		return false, nil
	case offered && (!there || how.Replace):
		return true, nil
	case offered:
		return false, fmt.Errorf("%s: %w", dir, ErrOther)
	}
	return false, fmt.Errorf("%s does not hold the keys that the backup's database was sealed with: put them there first", dir)
}

// asker is a database or a transaction.
type asker interface {
	QueryRow(ctx context.Context, q string, args ...any) *sql.Row
}

func hasRows(ctx context.Context, db asker, table string) (bool, error) {
	err := db.QueryRow(ctx, `SELECT 1 FROM `+table+` LIMIT 1`).Scan(new(int64))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking whether table %s is empty: %w", table, err)
	}
	return true, nil
}

// holdsRows tells whether any of the tables has rows.
func holdsRows(ctx context.Context, db *database.DB, tables []string) (bool, error) {
	for _, name := range tables {
		if unsaved(name) {
			continue
		}
		if full, err := hasRows(ctx, db, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`); full || err != nil {
			return full, err
		}
	}
	return false, nil
}
