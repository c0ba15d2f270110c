package doctor

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

func TestRedis(t *testing.T) {
	server := redistest.Start(t)
	c, err := store.NewClient("redis://" + server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := Redis(t.Context(), c)
	wellBut(t, all, "redis", "redis-memory") // a busy machine answers slowly; the test's server has no limit
	finds(t, all, "clock-redis", OK, "agrees")
	finds(t, all, "redis-version", OK, "version")
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	finds(t, Redis(ctx, c), "redis", Fail, "does not answer")
}

func TestRedisInfo(t *testing.T) {
	info := func(lines ...string) []Finding { return RedisInfo(strings.Join(lines, "\r\n")) }
	well := []string{"redis_version:7.2.4", "maxmemory:1000000000", "used_memory:1000", "maxmemory_policy:noeviction", "aof_enabled:0", "rdb_last_bgsave_status:ok"}
	wellBut(t, info(well...))
	for change, check := range map[string]string{
		"redis_version:5.0.1": "redis-version", "maxmemory_policy:allkeys-lru": "redis-memory", "used_memory:950000000": "redis-full",
	} {
		finds(t, info(append(well, change)...), check, Fail, "")
	}
	for change, check := range map[string]string{
		"maxmemory:0": "redis-memory", "maxmemory_policy:volatile-lru": "redis-memory", "rdb_last_bgsave_status:err": "redis-persistence",
	} {
		finds(t, info(append(well, change)...), check, Warn, "")
	}
}

func TestDatabase(t *testing.T) {
	c := dbtest.New(t)
	db, err := database.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := Database(t.Context(), db)
	if dbtest.Postgres() {
		finds(t, all, "postgres-durable", Fail, "fsync") // as the tests' server is set
		finds(t, all, "clock-database", OK, "agrees")
		finds(t, all, "postgres-connections", OK, "taken")
	} else {
		finds(t, all, "database-whole", OK, "")
	}
	finds(t, all, "database-tables", OK, "version")
	exec := func(q string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
	finds(t, Database(t.Context(), db), "database-tables", Warn, "9999")
	exec(`INSERT INTO schema_needs (least) VALUES (9999)`)
	finds(t, Database(t.Context(), db), "database-tables", Fail, "newer gateway")
	exec(`DELETE FROM goose_db_version WHERE version_id = 9999`)
	exec(`DELETE FROM schema_needs`)
	exec(`UPDATE goose_db_version SET version_id = 2 WHERE version_id > 2`)
	finds(t, Database(t.Context(), db), "database-tables", OK, "brings them to")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	gone := "database-whole"
	if dbtest.Postgres() {
		gone = "database"
	}
	finds(t, Database(t.Context(), db), gone, Fail, "")
}

func TestABrokenFileIsFound(t *testing.T) {
	c := dbtest.NewSQLite(t)
	raw, err := os.ReadFile(c.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(raw) / 2 &^ 4095; at < len(raw); at += 4096 {
		clear(raw[at : at+2048])
	}
	if err := os.WriteFile(c.SQLite, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := database.OpenToRead(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	finds(t, Database(t.Context(), db), "database-whole", Fail, "its file")
}

func TestPostgresSettings(t *testing.T) {
	set := map[string]string{"server_version_num": "160002", "server_version": "16.2", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "100"}
	judge := func(name, value string, used int) []Finding {
		return PostgresSettings(func(n string) string {
			if n == name {
				return value
			}
			return set[n]
		}, used)
	}
	wellBut(t, judge("", "", 10))
	finds(t, judge("server_version_num", "120001", 10), "postgres-version", Fail, "12")
	finds(t, judge("fsync", "off", 10), "postgres-durable", Fail, "fsync")
	finds(t, judge("full_page_writes", "off", 10), "postgres-durable", Fail, "full_page_writes")
	finds(t, judge("synchronous_commit", "off", 10), "postgres-commits", Warn, "")
	finds(t, judge("", "", 90), "postgres-connections", Warn, "90 of 100")
}

func TestLatency(t *testing.T) {
	for took, want := range map[time.Duration]State{time.Millisecond: OK, 20 * time.Millisecond: Warn, time.Second: Fail} {
		finds(t, []Finding{latency("redis", took)}, "redis", want, "")
	}
}

func TestLink(t *testing.T) {
	finds(t, []Finding{Link("link", []string{"10.0.0.1"}, false)}, "link", Fail, "10.0.0.1")
	finds(t, []Finding{Link("link", nil, true)}, "link", OK, "verified")
	finds(t, []Finding{Link("link", nil, false)}, "link", OK, "does not leave")
}
