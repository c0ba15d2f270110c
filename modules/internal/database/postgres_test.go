package database

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// postgresServer starts a real PostgreSQL on a free loopback port. It refuses to run as root, so it runs as the user postgres then.
func postgresServer(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		t.Fatal("PostgreSQL is needed: install the package postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = dir, attr, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-U", "gateway", "-A", "trust", "-N").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	server := command("postgres", "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", dir, "-F")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Signal(syscall.SIGINT); _ = server.Wait() })
	return fmt.Sprintf("postgres://gateway@127.0.0.1:%d/postgres?sslmode=disable", port)
}

// The same tables, the same feed: writers whose transactions overlap never let a reader pass a change by.
func TestPostgres(t *testing.T) {
	url := postgresServer(t)
	var db *DB
	var err error
	for range 100 {
		if db, err = Open(t.Context(), Config{Postgres: url}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	feed, err := NewFeed(t.Context(), db)
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
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				err := db.InTx(context.Background(), func(tx *Tx) error {
					if err := tx.Append(context.Background(), time.Now(), Change{"session", fmt.Sprintf("%d-%d", w, i)}); err != nil {
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
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		n := len(got)
		mu.Unlock()
		if n == writers*each {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("saw %d of %d changes", n, writers*each)
		}
	}
	_, err = db.Exec(t.Context(), `INSERT INTO changes (seq, topic, subject, at) VALUES (?, ?, ?, ?)`, 1, "a", "b", 0)
	if !IsDuplicate(err) {
		t.Fatalf("not seen as a duplicate: %v", err)
	}
}
