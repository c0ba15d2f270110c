package database

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{SQLite: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOpenMakesPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "gateway.db")
	db := open(t, path)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

// A relative path is a path, not the host of a URL.
func TestOpenRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := open(t, filepath.Join("data", "gateway.db")).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("data", "gateway.db")); err != nil {
		t.Fatal(err)
	}
}

func TestParse(t *testing.T) {
	for name, want := range map[string]Config{
		"": {SQLite: "/d/gateway.db"}, "sqlite": {SQLite: "/d/gateway.db"}, "sqlite:/x/y.db": {SQLite: "/x/y.db"},
		"postgres://u@h/n": {Postgres: "postgres://u@h/n"}, "postgresql://u@h/n": {Postgres: "postgresql://u@h/n"},
	} {
		if got, err := Parse(name, "/d"); err != nil || got != want {
			t.Errorf("%q: %+v %v", name, got, err)
		}
	}
	for _, name := range []string{"sqlite:", "host=db user=x password=s3cret", "mysql://x", "./my.db"} {
		if _, err := Parse(name, "/d"); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Processes that start together on an empty file all come up, with one set of tables.
func TestMigrateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			db, err := Open(context.Background(), Config{SQLite: path})
			if err == nil {
				err = db.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A feed that can't look is not fresh, so that nobody trusts memory.
func TestFeedGoesStale(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "gateway.db"))
	feed, err := NewFeed(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	if !feed.Fresh() {
		t.Fatal("a new feed is not fresh")
	}
	db.Close()
	feed.mu.Lock()
	feed.seen = time.Now().Add(-2 * feedStale)
	feed.mu.Unlock()
	feed.Wake()
	time.Sleep(2 * feedInterval)
	if feed.Fresh() {
		t.Fatal("a feed without a database is fresh")
	}
}

func TestRebind(t *testing.T) {
	db := &DB{postgres: true}
	if got := db.rebind(`a = ? AND b IN (?, ?)`); got != `a = $1 AND b IN ($2, $3)` {
		t.Fatal(got)
	}
}
