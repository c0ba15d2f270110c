package database_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Both(m)) }

func open(t *testing.T, c database.Config) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Writers in several connections, as the gateway and `convosphere user` are, never lose a change nor fail as "busy", and those whose
// transactions overlap never let a reader pass a change by.
func TestFeedSeesEveryChangeOfEveryWriter(t *testing.T) {
	config := dbtest.New(t)
	reader := open(t, config)
	feed, err := database.NewFeed(t.Context(), reader)
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
		db := open(t, config)
		wg.Go(func() {
			for i := range each {
				err := db.InTx(context.Background(), func(tx *database.Tx) error {
					if err := tx.Append(context.Background(), time.Now(), database.Change{Topic: "session", Key: fmt.Sprintf("%d-%d", w, i)}, database.Change{Topic: "other", Key: "x"}); err != nil {
						return err
					}
					time.Sleep(time.Duration(w) * time.Millisecond / 4) // some commit late
					return nil
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
	db := open(t, dbtest.New(t))
	no := errors.New("no")
	if err := db.InTx(t.Context(), func(tx *database.Tx) error {
		return errors.Join(tx.Append(t.Context(), time.Now(), database.Change{Topic: "session", Key: "a"}), no)
	}); !errors.Is(err, no) {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM changes`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d rows, %v", n, err)
	}
}

func TestIsDuplicate(t *testing.T) {
	db := open(t, dbtest.New(t))
	insert := func() error {
		_, err := db.Exec(t.Context(), `INSERT INTO changes (seq, topic, subject, at) VALUES (?, ?, ?, ?)`, 1, "a", "b", 0)
		return err
	}
	if err := insert(); err != nil {
		t.Fatal(err)
	}
	if err := insert(); !database.IsDuplicate(err) {
		t.Fatalf("not seen as a duplicate: %v", err)
	}
	if database.IsDuplicate(errors.New("other")) {
		t.Fatal("any error is a duplicate")
	}
}

// A program that would misread the tables as a newer one has made them does not open them, and says why. Tables that were only added to suit it.
func TestOlderProgramsAreRefusedOnlyWhereTheyWouldMisread(t *testing.T) {
	c := dbtest.New(t)
	db, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(q string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	open := func() error {
		again, err := database.Open(t.Context(), c)
		if err == nil {
			err = again.Close()
		}
		return err
	}
	exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9998, TRUE)`)
	if err := open(); err != nil {
		t.Error("tables that were only added:", err)
	}
	exec(`INSERT INTO schema_needs (least) VALUES (9998)`)
	if err := open(); !errors.Is(err, database.ErrNewer) || !strings.Contains(err.Error(), "9998") {
		t.Error(err)
	}
	exec(`DELETE FROM schema_needs`)
	exec(`DELETE FROM goose_db_version WHERE version_id = 9998`)
	if err := errors.Join(open(), db.Close()); err != nil {
		t.Error(err)
	}
}
