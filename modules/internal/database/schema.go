package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// versions is the table in which goose keeps which migrations have run. It is none of ours.
const versions = "goose_db_version"

// Latest is the version of the tables that this program brings databases to.
func Latest() int64 {
	var latest int64
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // only for a malformed pattern
	}
	for _, name := range names {
		number, _, _ := strings.Cut(filepath.Base(name), "_")
		if v, err := strconv.ParseInt(number, 10, 64); err == nil {
			latest = max(latest, v)
		}
	}
	return latest
}

// OpenScratch makes an SQLite file with the tables as they were in that version; Migrate brings it up to date. A power cut breaks it: who
// keeps the file syncs it after Close.
func OpenScratch(ctx context.Context, path string, version int64) (*DB, error) {
	// Nothing need outlive a failure, so nothing is written twice; and rows come in no order of their keys, for which 2 MB of cache are few.
	db, err := connectSQLite(path, "journal_mode(MEMORY)", "synchronous(OFF)", "cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	p, err := db.provider()
	if err == nil {
		_, err = p.UpTo(ctx, version)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the tables of version %d: %w", version, err), db.Close())
	}
	return db, nil
}

// Migrate brings the tables up to date.
func (db *DB) Migrate(ctx context.Context) error {
	p, err := db.provider()
	if err == nil {
		_, err = p.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("bringing the database up to date: %w", err)
	}
	return nil
}

func (db *DB) provider() (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	if db.postgres {
		dialect = goose.DialectPostgres
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(dialect, db.sql, dir)
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return p, nil
}

// OpenToRead opens a database as it is, for reading: nothing is made, migrated or written. Errors: fs.ErrNotExist for an SQLite file that is not there.
func OpenToRead(ctx context.Context, c Config) (*DB, error) {
	if c.Postgres != "" {
		return connectPostgres(c.Postgres)
	}
	path, err := filepath.Abs(c.SQLite)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	// Not mode=ro: with no other process on it, a file in WAL mode needs its -shm file made.
	q := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	return &DB{sql: db}, nil
}

// IsPostgres tells which of the two it is.
func (db *DB) IsPostgres() bool { return db.postgres }

// Version is the version of the tables. Errors where there are none.
func (db *DB) Version(ctx context.Context) (v int64, err error) {
	if err := db.QueryRow(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+versions).Scan(&v); err != nil {
		return 0, fmt.Errorf("reading the version of the tables: %w", err)
	}
	return v, nil
}

// ErrNewer is what a program gets of a database whose tables a newer one has changed so that this one would misread them.
var ErrNewer = errors.New("the database was changed by a newer gateway, and this one would misread it")

// Suits tells whether this program may work on tables that may be newer than it. Tables that were only added to suit older programs: so the nodes of a
// fleet are upgraded one after the other. Fail closed: what can't be told is an error.
func (db *DB) Suits(ctx context.Context) error {
	var least int64
	if err := db.QueryRow(ctx, `SELECT COALESCE(MAX(least), 0) FROM schema_needs`).Scan(&least); err != nil {
		return fmt.Errorf("reading which programs suit the tables: %w", err)
	}
	if latest := Latest(); least > latest {
		return fmt.Errorf("%w: it needs one that knows version %d of the tables, and this knows %d: run the newer program, or restore a backup from before", ErrNewer, least, latest)
	}
	return nil
}

// Snapshot runs f on one state of the whole database, while others go on reading and writing. f only reads.
func (db *DB) Snapshot(ctx context.Context, f func(*Tx) error) error {
	o := sql.TxOptions{ReadOnly: true} // SQLite: a deferred transaction, which waits for nobody
	if db.postgres {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.sql.BeginTx(ctx, &o)
	if err != nil {
		return fmt.Errorf("beginning a snapshot: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has written nothing
	return f(&Tx{tx: tx, db: db})
}

// Kind is what a column holds.
type Kind byte

// The kinds of columns that our tables have.
const (
	Integer Kind = 'i' // BIGINT
	Text    Kind = 't' // TEXT
	Bytes   Kind = 'b' // BYTEA
)

// Column is one of a table's.
type Column struct {
	Name string
	Kind Kind
}

// Table is one of ours.
type Table struct {
	Name    string
	Columns []Column
}

// Tables lists our tables, each after those that it refers to. It asks SQLite, whose tables are those of PostgreSQL: one set of migrations
// makes both.
func (db *DB) Tables(ctx context.Context) ([]Table, error) {
	if db.postgres {
		return nil, errors.New("database: tables are listed from SQLite")
	}
	rows, err := db.Query(ctx, `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> ? ORDER BY m.name, c.cid`, versions)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	defer rows.Close()
	var all []Table
	for rows.Next() {
		var table, column, declared string
		if err := rows.Scan(&table, &column, &declared); err != nil {
			return nil, fmt.Errorf("listing the tables: %w", err)
		}
		kind, ok := map[string]Kind{"BIGINT": Integer, "TEXT": Text, "BYTEA": Bytes}[declared]
		if !ok {
			return nil, fmt.Errorf("column %s.%s is %s: our tables hold BIGINT, TEXT and BYTEA", table, column, declared)
		}
		if len(all) == 0 || all[len(all)-1].Name != table {
			all = append(all, Table{Name: table})
		}
		last := &all[len(all)-1]
		last.Columns = append(last.Columns, Column{column, kind})
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	refers, err := db.references(ctx)
	if err != nil {
		return nil, err
	}
	return inOrder(all, refers)
}

// Names lists the tables that are there, whoever made them; in PostgreSQL, of the schema that ours are in.
func (db *DB) Names(ctx context.Context) (names []string, err error) {
	q := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ?`
	if db.postgres {
		q = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> ?`
	}
	rows, err := db.Query(ctx, q, versions)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("listing the tables: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// references tells to which tables each refers.
func (db *DB) references(ctx context.Context) (map[string][]string, error) {
	rows, err := db.Query(ctx, `SELECT DISTINCT m.name, f."table" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`)
	if err != nil {
		return nil, fmt.Errorf("listing what tables refer to: %w", err)
	}
	defer rows.Close()
	refers := map[string][]string{}
	for rows.Next() {
		var from, to string
		if err := rows.Scan(&from, &to); err != nil {
			return nil, fmt.Errorf("listing what tables refer to: %w", err)
		}
		refers[from] = append(refers[from], to)
	}
	return refers, rows.Err()
}

// inOrder sorts the tables so that each stands after those that it refers to.
func inOrder(all []Table, refers map[string][]string) ([]Table, error) {
	slices.SortFunc(all, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	var ordered []Table
	placed := map[string]bool{}
	for len(ordered) < len(all) {
		before := len(ordered)
		for _, t := range all {
			if !placed[t.Name] && !slices.ContainsFunc(refers[t.Name], func(to string) bool { return !placed[to] }) {
				placed[t.Name] = true
				ordered = append(ordered, t)
			}
		}
		if len(ordered) == before {
			return nil, errors.New("tables refer to each other in a circle")
		}
	}
	return ordered, nil
}
