package gateway

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/postgres"
	"github.com/convosphere/gateway/test/redisfleet"
	"github.com/convosphere/gateway/test/stop"
)

func TestLinksCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"store redis redis://h:1 {\n ca /ca.pem\n client_certificate /c.pem /k.pem\n server_name redis.test\n}": `{"store":"redis://h:1","store_tls":{"ca":"/ca.pem","client_certificate":"/c.pem","client_key":"/k.pem","server_name":"redis.test"}}`,
		"database postgres postgres://u@h/d {\n ca {env.CA}\n}":                                                 `{"database":"postgres://u@h/d","database_tls":{"ca":"{env.CA}"}}`,
		"plain_links warn": `{"plain_links":"warn"}`,
		"events {\n output s redis_stream redis://h:1 {\n  ca /ca.pem\n }\n}": `{"events":{"outputs":{"s":{"kind":"redis_stream","to":"redis://h:1","ca":"/ca.pem"}}}}`,
	} {
		got, err := adapt(t, "gateway {\n"+body+"\n}")
		if err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"plain_links ignore":                                 "Caddyfile:3",
		"plain_links":                                        "Caddyfile:3",
		"store memory {\n ca /x\n}":                          "memory is no link",
		"database sqlite {\n ca /x\n}":                       "sqlite is no link",
		"store redis redis://h {\n verify no\n}":             "the block of store knows ca, client_certificate and server_name",
		"store redis redis://h {\n ca /x\n ca /y\n}":         "twice",
		"store redis redis://h {\n client_certificate /x\n}": "Caddyfile:4",
	} {
		if _, err := adapt(t, "gateway {\n"+body+"\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// What would cross a network in the clear fails the load, before anything of it is sent.
func TestPlainLinksAreRefused(t *testing.T) {
	stop.After(t)
	ca := pki.New(t, "ca.test")
	open := ca.Client(t, "gateway")
	if err := os.Chmod(open.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		app  string
		want string
	}{
		"Redis":                      {`{"store":"redis://redis.invalid:6379"}`, "store: redis.invalid:6379 would be reached without TLS"},
		"one of a Cluster":           {`{"store":"redis+cluster://127.0.0.1:1,redis.invalid:6379"}`, "redis.invalid:6379 would be reached"},
		"PostgreSQL":                 {`{"database":"postgres://u:s3cret@db.invalid/d"}`, "database: db.invalid would be reached without TLS"},
		"encrypted, not verified":    {`{"database":"postgres://u:s3cret@db.invalid/d?sslmode=require"}`, "plain_links warn"},
		"an output":                  {`{"events":{"outputs":{"s":{"kind":"syslog","to":"tcp://siem.invalid:601"}}}}`, "output s: events would cross the network in the clear"},
		"an address that weakens it": {`{"database":"postgres://u:s3cret@127.0.0.1/d?sslmode=disable","database_tls":{}}`, "would weaken"},
		"a link that is none":        {`{"store_tls":{}}`, "no link to another machine"},
		"nor is SQLite":              {`{"database_tls":{}}`, "no link to another machine"},
		"neither of both":            {`{"plain_links":"ignore"}`, "refuse or warn"},
		"files that are missing":     {`{"store":"rediss://127.0.0.1:1","store_tls":{"ca":"/none.pem"}}`, "no such file"},
		"a key that others can read": {`{"store":"rediss://127.0.0.1:1","store_tls":{"client_certificate":"` + open.Cert + `","client_key":"` + open.Key + `"}}`, open.Key},
	} {
		var app map[string]any
		if err := json.Unmarshal([]byte(c.app), &app); err != nil {
			t.Fatal(err)
		}
		app["data_dir"] = t.TempDir()
		if _, err := load(t, app); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Store, database and a stream of events, each with a server that takes nobody without a certificate.
func TestLinksOverTLS(t *testing.T) {
	stop.After(t)
	over := redisfleet.NewTLS(t)
	redis := redisfleet.StartOver(t, over)
	ca := pki.New(t, "pg.test")
	shown, mine := ca.Server(t, "127.0.0.1"), ca.Client(t, "gateway")
	pg, err := postgres.StartTLS(postgres.TLS{Cert: shown.Cert, Key: shown.Key, CA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	link := map[string]any{"ca": over.CA.File, "client_certificate": over.Client.Cert, "client_key": over.Client.Key}
	stream := map[string]any{"kind": "redis_stream", "to": "redis://" + redis.Addr, "stream": "events"}
	for k, v := range link {
		stream[k] = v
	}
	t.Setenv("GW_TEST_CA", ca.File)
	g, err := load(t, map[string]any{
		"data_dir": t.TempDir(), "store": "redis://" + redis.Addr, "store_tls": link,
		"database": pg.URL("postgres"), "database_tls": map[string]any{"ca": "{env.GW_TEST_CA}", "client_certificate": mine.Cert, "client_key": mine.Key},
		"events": map[string]any{"outputs": map[string]any{"s": stream}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Store.Set(t.Context(), "k", []byte("v"), time.Minute); err != nil {
		t.Error(err)
	}
	var version string
	if err := g.DB.QueryRow(t.Context(), `SELECT version FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()`).Scan(&version); err != nil || version != "TLSv1.3" {
		t.Errorf("the database is reached with %q: %v", version, err)
	}
	g.Events.Emit(&event.Event{Category: "web", Action: "told-over-tls"})
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		entries, err := redis.Client().XRange(t.Context(), "events", "-", "+").Result()
		for _, e := range entries {
			if e.Values["action"] == "told-over-tls" {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the event did not come: %v %v", entries, err)
		}
	}
}
