// Package database opens the durable store (SQLite in one file, or PostgreSQL), brings its tables up to date, and
// carries changes between the processes that share it (Feed).
package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/owner"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says which database. Exactly one of the two is set.
type Config struct {
	SQLite   string // path of the file
	Postgres string // postgres:// URL
}

// Parse reads a database's name as configurations have it: "" or "sqlite" is gateway.db in the data folder, "sqlite:PATH" a file,
// postgres:// or postgresql:// a URL. Nothing else is taken for a path: it may be an address with a password.
func Parse(name, dataDir string) (Config, error) {
	path, isFile := strings.CutPrefix(name, "sqlite:")
	switch {
	case name == "" || name == "sqlite":
		return Config{SQLite: filepath.Join(dataDir, "gateway.db")}, nil
	case isFile && path != "":
		return Config{SQLite: path}, nil
	case strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://"):
		return Config{Postgres: name}, nil
	}
	return Config{}, errors.New("database: it is neither sqlite, nor a file as sqlite:PATH, nor a postgres:// URL")
}

// DB runs the same queries on both: written with ? for values, in SQL that both understand. Times
// are stored as BIGINT microseconds since 1970 (Micros, Time), truth values as 0 and 1.
type DB struct {
	sql      *sql.DB
	postgres bool
	writing  chan struct{}                                 // SQLite: holds one while this process writes
	prepared sync.Map                                      // of *sql.Stmt, by the query as it is written
	files    *link.Files                                   // PostgreSQL: what verifies the link; nil: nothing does
	observer atomic.Pointer[func(context.Context, []Rows)] // the last of observers

	observing sync.Mutex
	observers []*func(context.Context, []Rows)
}

// Open connects and migrates. Close it.
func Open(ctx context.Context, c Config) (*DB, error) {
	switch {
	case c.SQLite != "" && c.Postgres != "":
		return nil, errors.New("database: both sqlite and postgres are set")
	case c.SQLite != "":
		return openSQLite(ctx, c.SQLite)
	case c.Postgres != "":
		return openPostgres(ctx, c.Postgres)
	}
	return nil, errors.New("database: neither sqlite nor postgres is set")
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	// FULL: what was acknowledged survives a power cut.
	db, err := connectSQLite(path, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	return migrate(ctx, db)
}

// connectSQLite opens the file, making it where it is missing.
func connectSQLite(path string, pragmas ...string) (*DB, error) {
	path, err := filepath.Abs(path) // a relative one would read as the host of the URL below
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := owner.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the database folder: %w", err)
	}
	// Made here with mode 0600: SQLite would follow the umask. Its -wal and -shm files take the mode of the file.
	f, err := owner.Create(path)
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	// immediate: a transaction that will write says so at once and waits its turn, rather than failing half way, since `convosphere user`
	// shares the file. secure_delete: what is deleted is overwritten, so that the key of an erased person is in none of the file's free pages.
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{"busy_timeout(5000)", "foreign_keys(1)", "secure_delete(1)"}, pragmas...)}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	db.SetMaxOpenConns(8)
	return &DB{sql: db, writing: make(chan struct{}, 1)}, nil
}

func openPostgres(ctx context.Context, dsn string) (*DB, error) {
	db, err := connectPostgres(dsn)
	if err != nil {
		return nil, err
	}
	return migrate(ctx, db)
}

// migrate brings the tables up to date; processes that start together take turns.
func migrate(ctx context.Context, db *DB) (*DB, error) {
	p, err := db.provider()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for try := 0; ; try++ {
		_, err = p.Up(ctx)
		if err == nil {
			err = db.Suits(ctx)
		}
		if err == nil {
			return db, nil
		}
		if errors.Is(err, ErrNewer) {
			return nil, errors.Join(err, db.Close())
		}
		// Another process may have made the same tables between our look and our write: look again.
		if try == 20 || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("bringing the database up to date: %w", err), db.Close())
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Close closes all connections.
func (db *DB) Close() error { return db.sql.Close() }

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.sql.PingContext(ctx) }

// turn waits until this process may write. SQLite has one writer, and those who wait for it look again now and then, in no order: under
// steady writes one of them starves until busy_timeout. Here they queue. PostgreSQL needs none of it.
func (db *DB) turn(ctx context.Context) (done func(), err error) {
	if db.writing == nil {
		return func() {}, nil
	}
	select {
	case db.writing <- struct{}{}:
		return func() { <-db.writing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Exec runs a statement. Inside InTx, use the Tx's: this one would wait for the transaction to end.
func (db *DB) Exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	done, err := db.turn(ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting to write: %w", err)
	}
	defer done()
	ended := db.span(ctx, q)
	res, err := db.sql.ExecContext(ctx, db.rebind(q), args...)
	ended(err)
	if f := db.observer.Load(); f != nil && err == nil {
		if rows := note(nil, q, args, res); len(rows) > 0 {
			(*f)(ctx, rows)
		}
	}
	return res, err
}

// Query runs a query of many rows.
func (db *DB) Query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	ended := db.span(ctx, q)
	rows, err := db.sql.QueryContext(ctx, db.rebind(q), args...)
	ended(err)
	return rows, err
}

// QueryRow runs a query of one row.
func (db *DB) QueryRow(ctx context.Context, q string, args ...any) *sql.Row {
	ended := db.span(ctx, q)
	row := db.sql.QueryRowContext(ctx, db.rebind(q), args...)
	ended(row.Err())
	return row
}

// QueryRowOften is QueryRow for a query that requests wait for: it is parsed once, and kept for as long as the database is open. There may be only a few of
// these, spelt out in the code.
func (db *DB) QueryRowOften(ctx context.Context, q string, args ...any) *sql.Row {
	v, ok := db.prepared.Load(q)
	if !ok {
		fresh, err := db.sql.PrepareContext(ctx, db.rebind(q))
		if err != nil {
			return db.QueryRow(ctx, q, args...) // which says why
		}
		if v, ok = db.prepared.LoadOrStore(q, fresh); ok {
			_ = fresh.Close() // another was quicker
		}
	}
	ended := db.span(ctx, q)
	row := v.(*sql.Stmt).QueryRowContext(ctx, args...)
	ended(row.Err())
	return row
}

// Tx is a transaction.
type Tx struct {
	tx   *sql.Tx
	db   *DB
	rows []Rows // that were changed, where somebody observes
}

// InTx runs f in a transaction, committed when f returns nil and rolled back otherwise.
func (db *DB) InTx(ctx context.Context, f func(*Tx) error) error {
	done, err := db.turn(ctx)
	if err != nil {
		return fmt.Errorf("waiting for a transaction: %w", err)
	}
	defer done()
	ended := reqctx.Span(ctx, "database transaction")
	err = db.inTx(ctx, f)
	ended(err)
	return err
}

func (db *DB) inTx(ctx context.Context, f func(*Tx) error) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing, and says so in its error
	t := &Tx{tx: tx, db: db}
	if err := f(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	if f := db.observer.Load(); f != nil && len(t.rows) > 0 {
		(*f)(ctx, t.rows)
	}
	return nil
}

// Exec runs a statement.
func (t *Tx) Exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	res, err := t.tx.ExecContext(ctx, t.db.rebind(q), args...)
	if err == nil && t.db.observer.Load() != nil {
		t.rows = note(t.rows, q, args, res)
	}
	return res, err
}

// Query runs a query of many rows.
func (t *Tx) Query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if t.db.observer.Load() != nil {
		t.rows = note(t.rows, q, args, uncounted{}) // an update that returns what it did
	}
	return t.tx.QueryContext(ctx, t.db.rebind(q), args...)
}

// QueryRow runs a query of one row.
func (t *Tx) QueryRow(ctx context.Context, q string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, t.db.rebind(q), args...)
}

// rebind writes ? as $1, $2, … for PostgreSQL. Our queries hold no ? in string literals.
func (db *DB) rebind(q string) string {
	if !db.postgres || !strings.Contains(q, "?") {
		return q
	}
	var b strings.Builder
	n := 0
	for _, c := range q {
		if c == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Scrub has what was overwritten or deleted in a table leave the database's files, as far as that can be asked for. SQLite then holds it no longer. PostgreSQL
// may, in free space of the table and in its log (WAL), until it writes over them.
func (db *DB) Scrub(ctx context.Context, table string) error {
	if db.postgres {
		_, err := db.sql.ExecContext(ctx, `VACUUM `+table)
		return err
	}
	done, err := db.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	// The log is emptied, whose pages the file then has as they are (see secure_delete). A reader can hold that up for as long as it reads.
	for {
		var busy, log, moved int
		if err := db.sql.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved); err != nil {
			return err
		}
		if busy == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("emptying the log: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// IsDuplicate tells whether err is a broken unique constraint.
func IsDuplicate(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == 2067 || lite.Code() == 1555 // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY
	}
	var state interface{ SQLState() string }
	return errors.As(err, &state) && state.SQLState() == "23505"
}

// Micros is how times are stored; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time reads what Micros wrote.
func Time(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
