// Package dbtest has a package's tests run over both databases: SQLite, then a real PostgreSQL.
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Both(m)) } // or: os.Exit(dbtest.Both(m).Run())
//
//	func TestX(t *testing.T) {
//		config := dbtest.New(t) // a database of its own, with all tables, of the kind whose turn it is
//
// The second time only those tests run that asked for a database. PostgreSQL runs as long as the test binary, and not at all where no test asked.
package dbtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/test/postgres"
)

// Runner is what testing.M is to TestMain.
type Runner interface{ Run() int }

// Both runs the tests of m over both databases.
func Both(m *testing.M) Runner { return both{m} }

type both struct{ m *testing.M }

// turn is the state of the test binary.
var turn struct {
	mu     sync.Mutex
	asked  map[string]bool  // the tests that asked for a database, by name
	server *postgres.Server // nil: it is SQLite's turn
	lite   []byte           // an SQLite file with all tables; made when first asked for
	shape  string           // of a server's database with all tables and nothing else
	free   []string         // databases of the server that are as empty as new ones
}

const template = "migrated"

func (b both) Run() int {
	code := b.m.Run()
	names := askers()
	if len(names) == 0 || set("test.fuzz") || set("test.list") || set("test.fuzzworker") || code != 0 && set("test.failfast") {
		return code
	}
	server, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		return 1
	}
	fmt.Println("=== again, over PostgreSQL")
	err = errors.Join(flag.Set("test.run", "^("+strings.Join(names, "|")+")$"), flag.Set("test.bench", ""))
	code = max(code, b.m.Run())
	if err = errors.Join(err, server.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		return 1
	}
	return code
}

// set tells whether a flag of `go test` is given and not false.
func set(name string) bool {
	f := flag.Lookup(name)
	return f != nil && f.Value.String() != "" && f.Value.String() != "false"
}

func askers() (names []string) {
	turn.mu.Lock()
	defer turn.mu.Unlock()
	for name := range turn.asked {
		names = append(names, regexp.QuoteMeta(name))
	}
	slices.Sort(names)
	return names
}

// start starts the server with a database that has all tables, to copy.
func start() (*postgres.Server, error) {
	server, err := postgres.Start()
	if err != nil {
		return nil, err
	}
	turn.server = server
	if err = errors.Join(server.Create(template, ""), migrate(database.Config{Postgres: server.URL(template)})); err == nil {
		turn.shape, err = shape(template)
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

func migrate(c database.Config) error {
	db, err := database.Open(context.Background(), c)
	if err != nil {
		return err
	}
	return db.Close()
}

// Postgres tells whether it is PostgreSQL's turn, for the rare test that must know.
func Postgres() bool { return turn.server != nil }

// New makes an empty database for the test. It ends with the test, after what the test opens on it from here on.
func New(t testing.TB) database.Config {
	t.Helper()
	turn.mu.Lock()
	defer turn.mu.Unlock()
	if turn.server != nil {
		return newPostgres(t)
	}
	ask(t)
	return newSQLite(t)
}

// NewSQLite makes an empty SQLite database, whosever turn it is.
func NewSQLite(t testing.TB) database.Config {
	t.Helper()
	turn.mu.Lock()
	defer turn.mu.Unlock()
	return newSQLite(t)
}

// ask remembers that the test wants to run over PostgreSQL too.
func ask(t testing.TB) {
	if _, ok := t.(*testing.T); ok {
		if turn.asked == nil {
			turn.asked = map[string]bool{}
		}
		name, _, _ := strings.Cut(t.Name(), "/")
		turn.asked[name] = true
	}
}

func newSQLite(t testing.TB) database.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.db")
	if err := place(path); err != nil {
		t.Fatal(err)
	}
	return database.Config{SQLite: path}
}

// Place makes an empty SQLite database in that file, for what opens it by its configuration; one that is there stays.
func Place(path string) error {
	turn.mu.Lock()
	defer turn.mu.Unlock()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return place(path)
}

// place writes a file that was migrated once: migrations at every test would take most of its time.
func place(path string) error {
	if turn.lite == nil {
		if err := migrate(database.Config{SQLite: path}); err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		turn.lite = b
		return nil
	}
	return os.WriteFile(path, turn.lite, 0o600)
}
