package database

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// Writers in several connections, as the gateway and `convosphere user` are, never lose a change nor fail as "busy".
func TestFeedSeesEveryChangeOfEveryWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.db")
	reader := open(t, path)
	feed, err := NewFeed(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	var mu sync.Mutex
	got := map[string]int{}
	defer feed.Subscribe("session", func(key string) {
		mu.Lock()
		defer mu.Unlock()
		got[key]++
	})()
	const writers, each = 4, 25
	var wg sync.WaitGroup
	for w := range writers {
		db := open(t, path)
		wg.Go(func() {
			for i := range each {
				err := db.InTx(context.Background(), func(tx *Tx) error {
					return tx.Append(context.Background(), time.Now(), Change{"session", fmt.Sprintf("%d-%d", w, i)}, Change{"other", "x"})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	written := time.Now()
	for {
		mu.Lock()
		n := len(got)
		mu.Unlock()
		if n == writers*each {
			break
		}
		if time.Since(written) > 5*time.Second {
			t.Fatalf("saw %d of %d changes", n, writers*each)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for k, n := range got {
		if n != 1 {
			t.Errorf("%s was seen %d times", k, n)
		}
	}
}

func TestRolledBackChangeIsNotSeen(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "gateway.db"))
	no := errors.New("no")
	if err := db.InTx(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.Append(t.Context(), time.Now(), Change{"session", "a"}), no)
	}); !errors.Is(err, no) {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM changes`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d rows, %v", n, err)
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

func TestIsDuplicate(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "gateway.db"))
	insert := func() error {
		_, err := db.Exec(t.Context(), `INSERT INTO changes (seq, topic, subject, at) VALUES (?, ?, ?, ?)`, 1, "a", "b", 0)
		return err
	}
	if err := insert(); err != nil {
		t.Fatal(err)
	}
	if err := insert(); !IsDuplicate(err) {
		t.Fatalf("not seen as a duplicate: %v", err)
	}
	if IsDuplicate(errors.New("other")) {
		t.Fatal("any error is a duplicate")
	}
}
