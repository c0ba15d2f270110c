package doctor

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

const restoreIt = "stop the gateway, keep the file, and restore a backup"

// Database looks at the durable store: that it answers, its version and that of its tables, its clock and its settings.
func Database(ctx context.Context, db *database.DB) []Finding {
	best := time.Duration(1<<63 - 1)
	for range 5 {
		began := time.Now()
		if err := db.QueryRow(ctx, `SELECT 1`).Scan(new(int64)); err != nil {
			if !db.IsPostgres() {
				return []Finding{fail("database-whole", restoreIt, "SQLite can't read its file: %v", err)}
			}
			return []Finding{fail("database", "see that it runs, that this machine may reach it, and that address, password and certificates are right", "it does not answer: %v", err)}
		}
		best = min(best, time.Since(began))
	}
	all := append([]Finding{latency("database", best)}, tables(ctx, db))
	if db.IsPostgres() {
		return append(all, postgres(ctx, db)...)
	}
	var said string
	if err := db.QueryRow(ctx, `SELECT quick_check FROM pragma_quick_check LIMIT 1`).Scan(&said); err != nil || said != "ok" {
		return append(all, fail("database-whole", restoreIt, "SQLite finds its file broken: %s", errors.Join(err, errors.New(said))))
	}
	return append(all, ok("database-whole", "SQLite finds its file whole"))
}

func tables(ctx context.Context, db *database.DB) Finding {
	version, err := db.Version(ctx)
	latest := database.Latest()
	switch {
	case err != nil:
		return warn("database-tables", "start the gateway once, which makes them", "there are no tables yet")
	case version > latest:
		if err := db.Suits(ctx); err != nil {
			return fail("database-tables", "run the newer program", "%v", err)
		}
		return warn("database-tables", "finish the upgrade: a newer gateway works on the same database", "the tables are of version %d, this program knows %d", version, latest)
	case version < latest:
		return ok("database-tables", "version %d; a gateway of this version brings them to %d when it starts", version, latest)
	}
	return ok("database-tables", "version %d", version)
}

func postgres(ctx context.Context, db *database.DB) []Finding {
	var all []Finding
	asked := time.Now()
	var us int64
	if err := db.QueryRow(ctx, `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT`).Scan(&us); err == nil {
		all = append(all, Skew("clock-database", "PostgreSQL", asked, time.Now(), time.UnixMicro(us)))
	}
	setting := func(name string) string {
		var v string
		if err := db.QueryRow(ctx, `SELECT setting FROM pg_settings WHERE name = ?`, name).Scan(&v); err != nil {
			return ""
		}
		return v
	}
	var used int
	if err := db.QueryRow(ctx, `SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`).Scan(&used); err != nil {
		used = 0
	}
	return append(all, PostgresSettings(setting, used)...)
}

// PostgresSettings judges them; setting gives one by its name, "" where it is not told.
func PostgresSettings(setting func(name string) string, used int) []Finding {
	var all []Finding
	if n, err := strconv.Atoi(setting("server_version_num")); err == nil && n < 130000 {
		all = append(all, fail("postgres-version", "upgrade it to a version that is still mended", "version %d is too old", n/10000))
	} else {
		all = append(all, ok("postgres-version", "version %s", setting("server_version")))
	}
	for _, name := range []string{"fsync", "full_page_writes"} {
		if setting(name) == "off" {
			all = append(all, fail("postgres-durable", name+" = on", "%s is off: a power cut breaks the database", name))
		}
	}
	if setting("synchronous_commit") == "off" {
		all = append(all, warn("postgres-commits", "synchronous_commit = on, at least for the gateway's user", "a power cut loses the last moment's commits: bans, revocations"))
	}
	if most, err := strconv.Atoi(setting("max_connections")); err == nil {
		if used*10 > most*8 {
			all = append(all, warn("postgres-connections", "raise max_connections: each gateway takes up to 16 of them", "%d of %d connections are taken", used, most))
		} else {
			all = append(all, ok("postgres-connections", "%d of %d connections are taken", used, most))
		}
	}
	return all
}
