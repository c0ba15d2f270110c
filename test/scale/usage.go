package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/test/fleet"
	"github.com/convosphere/gateway/test/kit"
)

// site is a fleet whose use of everything can be read.
type site struct {
	*fleet.Fleet
	t     kit.T
	redis *redis.Client
	sql   *pgx.Conn
}

func newSite(t kit.T, gateways int) *site {
	t.Helper()
	s := &site{t: t, Fleet: fleet.Start(t, fleet.Options{
		Gateways: gateways,
		Servers:  "\t\ttrusted_proxies static 127.0.0.0/8\n",
		App:      "\t\tpolicy {\n\t\t\ttimeout 10s\n\t\t}\n",
		// Each zone is asked and charged as ever; those of clients have room for one client that is all of them.
		Secure:   "\t\trate_limit {\n\t\t\tshed off\n\t\t\tzone client {\n\t\t\t\trate 1000000/1s\n\t\t\t}\n\t\t\tzone user {\n\t\t\t\trate 1000000/1s\n\t\t\t}\n\t\t\tzone messages {\n\t\t\t\trate 1000000/1s\n\t\t\t}\n\t\t}\n",
		Postgres: []string{"autovacuum=on", "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_utility=off"},
	})}
	s.redis = s.Redis.Client(t)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.Database)
	if err == nil {
		_, err = conn.Exec(ctx, `CREATE EXTENSION pg_stat_statements`)
	}
	if err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) }) // the server ends next
	s.sql = conn
	return s
}

// used is all that was used so far.
func (s *site) used() (u Use) {
	s.t.Helper()
	for _, n := range s.Nodes {
		u.Gateway += s.seconds(n.Process.PID())
		u.Events += size(filepath.Join(n.Data, "events")) + size(filepath.Join(n.Data, "audit"))
	}
	u.Chat = s.seconds(s.Chat.PID())
	u.Redis = s.seconds(s.Redis.Process.PID())
	u.Postgres = s.seconds(s.Postgres.PID())
	for _, c := range kit.Descendants(s.Postgres.PID()) {
		u.Postgres += s.seconds(c.PID)
	}
	ctx := context.Background()
	info, err := s.redis.Info(ctx, "stats").Result()
	if err != nil {
		s.t.Fatalf("Redis: %v", err)
	}
	_, rest, _ := strings.Cut(info, "total_commands_processed:")
	word, _, _ := strings.Cut(rest, "\r")
	if u.Commands, err = strconv.ParseFloat(word, 64); err != nil {
		s.t.Fatalf("Redis: %v", err)
	}
	// Not those of this connection, and of them all since its start.
	err = s.sql.QueryRow(ctx, `SELECT COALESCE(SUM(calls), 0)::float8, COALESCE(SUM(wal_bytes), 0)::float8,
		COALESCE(SUM(rows) FILTER (WHERE query ~* '^\s*(insert|update|delete)'), 0)::float8
		FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'`).Scan(&u.Statements, &u.WAL, &u.Written)
	if err != nil {
		s.t.Fatalf("PostgreSQL: %v", err)
	}
	return u
}

// ticks of a processor in a second, as /proc has them on every Linux.
const ticks = 100

// seconds is the processor time of a process, and of its children that have ended; of one that has just ended, none.
func (s *site) seconds(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// proc(5): the name is in brackets, behind it the third field.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	sum := 0.0
	for _, field := range []int{14, 15, 16, 17} {
		v, err := strconv.ParseFloat(f[field-3], 64)
		if err != nil {
			s.t.Fatalf("/proc/%d/stat: %v", pid, err)
		}
		sum += v
	}
	return sum / ticks
}

// size is how many bytes the files below a folder have.
func size(root string) (sum float64) {
	_ = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // there is no such folder, or the file has just gone
		}
		if info, err := d.Info(); err == nil {
			sum += float64(info.Size())
		}
		return nil
	})
	return sum
}

// during is what was used while do ran.
func (s *site) during(do func()) (u Use, elapsed time.Duration) {
	before, began := s.used(), time.Now()
	do()
	elapsed = time.Since(began)
	return s.used().plus(before.times(-1)), elapsed
}
