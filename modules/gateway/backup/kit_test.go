package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

var (
	ctx   = context.Background()
	cheap = account.Params{Memory: 64, Time: 1, Threads: 1}
	now   = time.Now
)

const password = "otter-lamp-quarry-58"

// gateway is the state of one: where it is, and what a test knows of its people.
type gateway struct {
	Place
	totp string // ursula's second factor
}

// newGateway has ursula, who has a second factor, and petra, who has not.
func newGateway(t testing.TB, c database.Config) *gateway {
	t.Helper()
	g := &gateway{Place: Place{Database: c, Keys: filepath.Join(t.TempDir(), "keys")}}
	d, err := directory.Open(ctx, directory.Config{Database: c, Keys: g.Keys, Argon2: cheap})
	if err != nil {
		t.Fatal(err)
	}
	g.totp, err = d.Add(ctx, "ursula", "moderator", password, true)
	_, err2 := d.Add(ctx, "petra", "user", password, false)
	if err := errors.Join(err, err2, d.Close()); err != nil {
		t.Fatal(err)
	}
	return g
}

// nowhere is a target with an empty database and no keys.
func nowhere(t testing.TB, c database.Config) Place {
	return Place{Database: c, Keys: filepath.Join(t.TempDir(), "keys")}
}

// running is an identity that runs on the place until the test ends, or stop is called.
func running(t testing.TB, p Place) (m *session.Manager, stop func()) {
	t.Helper()
	keys, err := keyring.Open(p.Keys)
	must(t, err)
	db, err := database.Open(ctx, p.Database)
	must(t, err)
	feed, err := database.NewFeed(ctx, db)
	must(t, err)
	hasher, err := account.NewHasher(cheap)
	must(t, err)
	memory := store.NewMemory(0)
	m, err = session.New(ctx, session.Config{Issuer: "gateway", Audience: "gateway", Label: "Test", Access: 5 * time.Minute, Idle: 30 * time.Minute, Absolute: 12 * time.Hour},
		session.Resources{DB: db, Feed: feed, Store: memory, Keys: keys, Events: silent{}, Accounts: account.NewStore(db, keys, hasher), Factors: factor.NewStore(db, keys), Log: zap.NewNop(), Now: now})
	must(t, err)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			m.Close()
			feed.Close()
			must(t, errors.Join(db.Close(), memory.Close()))
		}
	}
	t.Cleanup(stop)
	return m, stop
}

type silent struct{}

func (silent) Emit(*event.Event) {}

func attempt(name string) session.Attempt {
	return session.Attempt{Username: name, Password: password, UserAgent: "test", Client: reqctx.Client{IP: netip.MustParseAddr("192.0.2.1")}}
}

// login signs in; with a second factor where totp is its secret.
func login(t testing.TB, m *session.Manager, name, secret string) session.Result {
	t.Helper()
	r, err := m.Login(ctx, attempt(name))
	must(t, err)
	if r.MFAToken != "" {
		code, err := totp.GenerateCode(secret, now())
		must(t, err)
		r, err = m.TOTP(ctx, r.MFAToken, code, attempt(name))
		must(t, err)
	}
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dump is every row of every table that a backup holds, as text, in an order of its own.
func dump(t testing.TB, c database.Config) map[string][]string {
	t.Helper()
	db, err := database.OpenToRead(ctx, c)
	must(t, err)
	defer db.Close()
	tables, err := tablesOf(ctx, database.Latest())
	must(t, err)
	all := map[string][]string{}
	for _, table := range tables {
		rows, err := db.Query(ctx, `SELECT `+columns(table)+` FROM `+table.Name+` ORDER BY 1, 2`)
		must(t, err)
		for rows.Next() {
			values := make([]any, len(table.Columns))
			into := make([]any, len(values))
			for i := range values {
				into[i] = &values[i]
			}
			must(t, rows.Scan(into...))
			var line strings.Builder
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					v = fmt.Sprintf("%x", b)
				}
				fmt.Fprintf(&line, "%s=%v ", table.Columns[i].Name, v)
			}
			all[table.Name] = append(all[table.Name], line.String())
		}
		must(t, errors.Join(rows.Err(), rows.Close()))
	}
	return all
}

func keySecret(t testing.TB) Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.key")
	must(t, NewKeyFile(path))
	s, err := KeyFile(path)
	must(t, err)
	return s
}

// backedUp is a backup of the place.
func backedUp(t testing.TB, from Place, s Secret, o Options) []byte {
	t.Helper()
	o.Now = now
	var b bytes.Buffer
	_, err := Write(ctx, &b, from, s, o)
	must(t, err)
	return b.Bytes()
}

// restored restores a backup; an error is returned, for tests that want one.
func restored(t testing.TB, b []byte, s Secret, to Place, how How) (Done, error) {
	t.Helper()
	c, err := Check(ctx, bytes.NewReader(b), s, t.TempDir())
	if err != nil {
		return Done{}, err
	}
	defer func() { must(t, c.Close()) }()
	how.Now = now
	return c.Restore(ctx, to, how)
}
