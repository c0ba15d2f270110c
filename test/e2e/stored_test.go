package e2e

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// stored is all that the site's servers hold, by table and key: what is in files is among what the nodes have written.
func (s *site) stored(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	if s.database != "" {
		s.tables(t, all)
	}
	if s.redis != nil {
		s.values(t, all)
	}
	return all
}

func (s *site) tables(t *testing.T, all map[string]string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	rows, err := c.Query(t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 10 {
		t.Fatalf("tables %v: %v", names, err)
	}
	for _, name := range names {
		table := pgx.Identifier{name}.Sanitize()
		var text string
		// bytea as its bytes, those that are no letters as escapes: a secret in it is found as it is.
		if _, err := c.Exec(t.Context(), `SET bytea_output = 'escape'`); err != nil {
			t.Fatal(err)
		}
		if err := c.QueryRow(t.Context(), `SELECT COALESCE(string_agg(t::text, E'\n'), '') FROM `+table+` t`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		all["table "+name] = text
	}
}

func (s *site) values(t *testing.T, all map[string]string) {
	t.Helper()
	c := s.redis.Client(t)
	for it := c.Scan(t.Context(), 0, "*", 1000).Iterator(); it.Next(t.Context()); {
		key := it.Val()
		kind, err := c.Type(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		switch kind {
		case "none": // it has just expired
			continue
		case "string":
			value, err = c.Get(t.Context(), key).Result()
		case "hash":
			value, err = c.HGetAll(t.Context(), key).Result()
		case "zset":
			value, err = c.ZRange(t.Context(), key, 0, -1).Result()
		case "set":
			value, err = c.SMembers(t.Context(), key).Result()
		case "list":
			value, err = c.LRange(t.Context(), key, 0, -1).Result()
		case "stream":
			value, err = c.XRange(t.Context(), key, "-", "+").Result()
		default:
			t.Fatalf("a key of type %s", kind)
		}
		if err != nil && err != redis.Nil {
			t.Fatal(err)
		}
		all["redis "+key] = key + " " + fmt.Sprint(value)
	}
	if len(all) == 0 {
		t.Fatal("Redis holds nothing")
	}
}
