package auditlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) {
	if child() {
		return
	}
	goleak.VerifyTestMain(dbtest.Both(m))
}

var ctx = context.Background()

// house is what a log stands on.
type house struct {
	t    testing.TB
	dir  string
	db   *database.DB
	feed *database.Feed
	ring *keyring.Ring
	bus  *event.Bus

	mu   sync.Mutex
	now  time.Time
	told []string
}

func newHouse(t testing.TB) *house {
	t.Helper()
	db, err := database.Open(ctx, dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	return houseOn(t, t.TempDir(), db)
}

// newLite is newHouse for what has nothing to do with which database it is.
func newLite(t testing.TB) *house {
	t.Helper()
	db, err := database.Open(ctx, dbtest.NewSQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	return houseOn(t, t.TempDir(), db)
}

func houseOn(t testing.TB, dir string, db *database.DB) *house {
	t.Helper()
	h := &house{t: t, dir: dir, db: db, now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	var err error
	if h.feed, err = database.NewFeed(ctx, db); err == nil {
		h.ring, err = keyring.Open(filepath.Join(dir, "keys"))
	}
	if err == nil {
		h.bus, err = event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.bus.Close(); err != nil {
			t.Error(err)
		}
		h.feed.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) audit() string { return filepath.Join(h.dir, "audit") }

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) options() Options {
	return Options{
		Dir: h.audit(), Bus: h.bus, Ring: h.ring, DB: h.db, Feed: h.feed, Now: h.clock, Machine: "node", Retry: time.Millisecond,
		Settings: Settings{Checkpoint: time.Hour, Group: time.Millisecond},
		Error: func(err error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.told = append(h.told, err.Error())
		},
	}
}

func (h *house) errors() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.told, "\n")
}

func (h *house) open(o Options) *Log {
	h.t.Helper()
	l, err := Open(ctx, o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = l.Close() }) // closed twice does nothing
	return l
}

// emit emits n events in groups and waits for each group.
func (h *house) emit(l *Log, n, group int) {
	h.t.Helper()
	for i := 0; i < n; {
		err := l.Durable(ctx, func() {
			for range min(group, n-i) {
				h.bus.Emit(request(h.clock(), i))
				i++
			}
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func request(at time.Time, i int) *event.Event {
	e := &event.Event{
		Time: at, Category: "web", Action: "http-request", Outcome: event.Success, RequestID: fmt.Sprintf("req-%d", i), Method: "GET", Host: "chat.example",
		Path: "/api/rooms/general/messages", Route: "messages", Status: 200, BytesOut: 512, Duration: time.Millisecond, UserAgent: "Mozilla/5.0 (X11; Linux x86_64)",
		SourceIP: fmt.Sprintf("192.0.2.%d", i%250), Fields: []zap.Field{zap.Bool("gateway.decision.allow", true), zap.String("gateway.decision.reason", "a member")},
	}
	if i%3 > 0 {
		e.UserID, e.UserRoles, e.Session = fmt.Sprintf("user-%d", i%5), []string{"user"}, fmt.Sprintf("session-%d", i%5)
	}
	return e
}

func (h *house) close(l *Log) {
	h.t.Helper()
	if err := l.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// raw is all that the segments hold.
func (h *house) raw() string {
	h.t.Helper()
	names, err := filepath.Glob(filepath.Join(h.audit(), "segments", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			h.t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
