package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

func TestFill(t *testing.T) {
	config, dir, now := dbtest.New(t), t.TempDir(), time.Now().UTC()
	db, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES ('U', 'ursula', 'user', 'x', 1, 1)`); err != nil {
		t.Fatal(err)
	}
	at := func(ago time.Duration) string { return now.Add(-ago).Format(time.RFC3339Nano) }
	var events strings.Builder
	for n, user := range []string{"A", "B", "A"} {
		fmt.Fprintf(&events, `{"@timestamp":%q,"event.id":"e%d","event.category":"web","event.action":"http-request","event.outcome":"success","user.id":%q,"user.roles":["premium"]}`+"\n", at(time.Hour), n, user)
	}
	findings := fmt.Sprintf(`{"id":"f1","kind":"match","rule":"r","title":"Probing","level":"high","first":%[1]q,"last":%[1]q,"subjects":[{"kind":"client","id":"192.0.2.7"}],"count":1}
{"id":"f2","kind":"match","rule":"r","title":"Probing","level":"high","first":%[2]q,"last":%[2]q,"subjects":[{"kind":"client","id":"192.0.2.7"}],"count":1}
{"id":"f3","kind":"match","rule":"s","title":"Guessing","level":"medium","first":%[2]q,"last":%[2]q,"subjects":[{"kind":"client","id":"198.51.100.1"}],"count":1}`, at(100*time.Hour), at(time.Hour))
	f, err := fill(t.Context(), options{database: config, journal: dir, events: strings.NewReader(events.String()), findings: strings.NewReader(findings), now: now})
	if err != nil || f != (filled{events: 3, people: 2, incidents: 3}) {
		t.Fatalf("%+v, %v", f, err)
	}
	var worked, people int
	for q, n := range map[string]*int{`SELECT COUNT(*) FROM incidents WHERE state <> 'open'`: &worked, `SELECT COUNT(*) FROM accounts WHERE roles = 'premium' AND id IN ('A', 'B')`: &people} {
		if err := db.QueryRow(t.Context(), q).Scan(n); err != nil {
			t.Fatal(err)
		}
	}
	if worked == 0 || people != 2 {
		t.Errorf("%d incidents are worked on, %d people are there", worked, people)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	found, err := j.Find(context.Background(), journal.Filter{}, "", 10)
	if err != nil || len(found.Hits) != 3 {
		t.Errorf("the journal has %d events, %v", len(found.Hits), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
