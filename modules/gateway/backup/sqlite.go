package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// intoSQLite puts the scratch file in the target's place. What the target held is moved aside.
func (c *Checked) intoSQLite(ctx context.Context, path string, how How, swapKeys func() error) (aside string, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil { // the file is replaced, not what leads to it
		path = real
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	if err := owner.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("making the database folder: %w", err)
	}
	there, full, err := look(ctx, path)
	if err != nil {
		return "", err
	}
	if full && !how.Replace {
		return "", ErrNotEmpty
	}
	if there {
		release, err := holdAlone(ctx, path)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	staged := path + ".restoring"
	if err := move(c.file(), staged); err != nil {
		return "", fmt.Errorf("putting the database in place: %w", err)
	}
	defer os.Remove(staged) // gone already where all went well
	if err := swapKeys(); err != nil {
		return "", err
	}
	if full {
		aside = path + how.Now().UTC().Format(".replaced-20060102T150405Z")
		if err := keep(path, aside); err != nil {
			return "", fmt.Errorf("keeping the old database: %w", err)
		}
	}
	if err := os.Rename(staged, path); err != nil {
		return "", fmt.Errorf("putting the database in place: %w", err)
	}
	return aside, syncPath(filepath.Dir(path))
}

// keep gives the file a second name, or where the file system knows none, that name alone.
func keep(path, aside string) error {
	if os.Link(path, aside) == nil {
		return nil
	}
	if _, err := os.Lstat(aside); err == nil {
		return fmt.Errorf("%s exists", aside)
	}
	return os.Rename(path, aside)
}

// look tells whether there is a database, and whether it holds anything.
func look(ctx context.Context, path string) (there, full bool, err error) {
	db, err := database.OpenToRead(ctx, database.Config{SQLite: path})
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	names, err := db.Names(ctx) // all: the file is replaced with whatever is in it
	if err == nil {
		full, err = holdsRows(ctx, db, names)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return true, full, errors.Join(err, db.Close())
}

// holdAlone keeps everyone else out of an SQLite file. Only who is alone on it can take it out of WAL mode.
func holdAlone(ctx context.Context, path string) (release func() error, err error) {
	q := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(1000)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	var mode string
	err = conn.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	if err == nil && mode == "delete" {
		_, err = conn.ExecContext(ctx, `BEGIN EXCLUSIVE`)
	}
	if err != nil || mode != "delete" {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrInUse), conn.Close(), db.Close())
	}
	return func() error { return errors.Join(conn.Close(), db.Close()) }, nil
}

// move renames a file that this process has made, or copies it from another file system. It is on the disk then, and the folder's owner's.
func move(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.Sync(); err != nil {
		return err
	}
	if os.Rename(from, to) == nil {
		moved, err := os.OpenFile(to, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		defer moved.Close()
		was, err := in.Stat()
		if err != nil {
			return err
		}
		if is, err := moved.Stat(); err != nil || !os.SameFile(was, is) {
			return errors.Join(err, errors.New("somebody has put another file in its place"))
		}
		return owner.Inherit(moved)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, owner.Inherit(out), out.Sync(), out.Close())
}
