package backup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

// ways are from which database into which, of the kinds whose turn it is.
func ways(t *testing.T, f func(t *testing.T, from, to database.Config)) {
	t.Run("within", func(t *testing.T) { f(t, dbtest.New(t), dbtest.New(t)) })
	if dbtest.Postgres() {
		t.Run("from PostgreSQL into SQLite", func(t *testing.T) { f(t, dbtest.New(t), dbtest.NewSQLite(t)) })
		t.Run("from SQLite into PostgreSQL", func(t *testing.T) { f(t, dbtest.NewSQLite(t), dbtest.New(t)) })
	}
}

// A backup of a running gateway, restored elsewhere, is the same people with the same factors; their sessions are over.
func TestRoundTrip(t *testing.T) {
	ways(t, func(t *testing.T, from, to database.Config) {
		g := newGateway(t, from)
		m, _ := running(t, g.Place)
		before := login(t, m, "petra", "")
		s := keySecret(t)
		b := backedUp(t, g.Place, s, Options{})
		target := nowhere(t, to)
		if _, err := restored(t, b, s, target, How{}); err != nil {
			t.Fatal(err)
		}
		was, is := dump(t, from), dump(t, to)
		delete(was, "sessions")
		if sessions := is["sessions"]; len(sessions) != 1 || strings.Contains(sessions[0], "ended_at=0 ") {
			t.Errorf("sessions: %q", sessions)
		}
		delete(is, "sessions")
		if !reflect.DeepEqual(was, is) {
			t.Errorf("restored:\n%v\nwas:\n%v", is, was)
		}
		n, _ := running(t, target)
		if _, err := n.Verify(ctx, before.Tokens.Access); err == nil {
			t.Error("a session from before the restore is taken")
		}
		if _, err := n.Refresh(ctx, before.Tokens.Refresh); !errors.Is(err, session.ErrSession) {
			t.Errorf("a session from before the restore is renewed: %v", err)
		}
		if id, err := n.Verify(ctx, login(t, n, "ursula", g.totp).Tokens.Access); err != nil || id.Name != "ursula" || id.Roles[0] != "moderator" {
			t.Errorf("%+v %v", id, err)
		}
	})
}

func TestSessionsAreKeptWhereWanted(t *testing.T) {
	ways(t, func(t *testing.T, from, to database.Config) {
		g := newGateway(t, from)
		m, _ := running(t, g.Place)
		before := login(t, m, "petra", "")
		s := keySecret(t)
		target := nowhere(t, to)
		if _, err := restored(t, backedUp(t, g.Place, s, Options{}), s, target, How{KeepSessions: true}); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(dump(t, from), dump(t, to)) {
			t.Error("not the same")
		}
		n, _ := running(t, target)
		if _, err := n.Refresh(ctx, before.Tokens.Refresh); err != nil {
			t.Error(err)
		}
	})
}

// What was used or ended after the backup does not come back with it: links in mails to owners of accounts, mails that have gone out, trust in
// devices. Invitations do: who has used one since has lost the account.
func TestWhatWasOpenEnds(t *testing.T) {
	g := newGateway(t, dbtest.New(t))
	db, err := database.Open(ctx, g.Database)
	must(t, err)
	for _, q := range []string{
		`INSERT INTO tickets (hash, id, kind, account, data, created_at, expires_at) VALUES ('h1', '1', 'reset', 'petra', '', 1, 9999999999999999)`,
		`INSERT INTO tickets (hash, id, kind, account, data, created_at, expires_at) VALUES ('h2', '2', 'invite', '', '', 1, 9999999999999999)`,
		`INSERT INTO outbox (id, kind, account, letter, created_at, next_at, expires_at) VALUES ('1', 'reset', 'petra', '', 1, 1, 9999999999999999)`,
		`INSERT INTO devices (id, account, secret, user_agent, ip, country, created_at, used_at, trusted_until)
			SELECT 'd', id, 's', '', '', '', 1, 1, 9999999999999999 FROM accounts WHERE username = 'ursula'`,
	} {
		_, err := db.Exec(ctx, q)
		must(t, err)
	}
	must(t, db.Close())
	s := keySecret(t)
	to := nowhere(t, dbtest.New(t))
	if _, err := restored(t, backedUp(t, g.Place, s, Options{}), s, to, How{}); err != nil {
		t.Fatal(err)
	}
	got := dump(t, to.Database)
	if len(got["outbox"]) != 0 || len(got["tickets"]) != 1 || !strings.Contains(got["tickets"][0], "kind=invite") || !strings.Contains(got["devices"][0], "trusted_until=0 ") {
		t.Errorf("%q", got)
	}
}

// A row in every table, with something in every column, survives; and so do values at their limits: nothing, no bytes, a zero byte, the
// largest and least number, texts of any kind.
func TestEveryColumnSurvives(t *testing.T) {
	tables, err := tablesOf(ctx, database.Latest())
	must(t, err)
	ways(t, func(t *testing.T, from, to database.Config) {
		place := nowhere(t, from)
		_, err := keyring.Open(place.Keys)
		must(t, err)
		db, err := database.Open(ctx, from)
		must(t, err)
		// One text everywhere: so what refers to something finds it.
		value := map[database.Kind]any{database.Integer: int64(7), database.Text: "same", database.Bytes: []byte{0, 1, 0xff}}
		must(t, db.InTx(ctx, func(tx *database.Tx) error {
			into := inserter{ctx: ctx, tx: tx}
			for _, table := range tables {
				var row []any
				for _, c := range table.Columns {
					row = append(row, value[c.Kind])
				}
				if err := errors.Join(into.begin(table), into.add(row)); err != nil {
					return err
				}
			}
			return into.flush()
		}))
		for _, v := range [][4]any{{"a", "", "", int64(-1 << 63)}, {"b", "ü𝄞", strings.Repeat("x", 100_000), int64(1<<63 - 1)}} {
			_, err = db.Exec(ctx, `INSERT INTO grants (object, subject, relation, at) VALUES (?, ?, ?, ?)`, v[:]...)
			must(t, err)
		}
		must(t, db.Close())
		s := keySecret(t)
		if _, err := restored(t, backedUp(t, place, s, Options{}), s, nowhere(t, to), How{KeepSessions: true}); err != nil {
			t.Fatal(err)
		}
		was, is := dump(t, from), dump(t, to)
		if !reflect.DeepEqual(was, is) || len(was) != len(tables) {
			t.Errorf("restored:\n%.3000v\nwas:\n%.3000v", is, was)
		}
	})
}

// No bytes at all are not NULL, which PostgreSQL refuses.
func TestNoBytesAreNotNothing(t *testing.T) {
	ways(t, func(t *testing.T, from, to database.Config) {
		g := newGateway(t, from)
		db, err := database.Open(ctx, from)
		must(t, err)
		_, err = db.Exec(ctx, `UPDATE second_factors SET secret = ?`, []byte{})
		must(t, errors.Join(err, db.Close()))
		s := keySecret(t)
		if _, err := restored(t, backedUp(t, g.Place, s, Options{}), s, nowhere(t, to), How{}); err != nil {
			t.Fatal(err)
		}
		if was, is := dump(t, from), dump(t, to); !reflect.DeepEqual(was, is) {
			t.Errorf("restored:\n%v\nwas:\n%v", is, was)
		}
	})
}

// A database of an older gateway is backed up as it is, and brought up to date when it is restored.
func TestOlderTablesAreBroughtUpToDate(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.db")
	db, err := database.OpenScratch(ctx, old, 3)
	must(t, err)
	_, err = db.Exec(ctx, `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES ('1', 'ursula', 'user', '', 1, 1)`)
	must(t, errors.Join(err, db.Close()))
	from := Place{database.Config{SQLite: old}, filepath.Join(t.TempDir(), "keys")}
	_, err = keyring.Open(from.Keys)
	must(t, err)
	s := keySecret(t)
	b := backedUp(t, from, s, Options{})
	to := nowhere(t, dbtest.New(t))
	if _, err := restored(t, b, s, to, How{}); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, to.Database)["accounts"]; len(got) != 1 || !strings.Contains(got[0], "username=ursula") {
		t.Errorf("%q", got)
	}
	if db, err = database.OpenToRead(ctx, from.Database); err == nil {
		v, err := db.Version(ctx)
		if v != 3 || err != nil {
			t.Errorf("the backup has migrated its source: %d %v", v, err)
		}
		must(t, db.Close())
	}
}

// What is backed up is one moment: of grants that are given in pairs no half is in it, however many are given meanwhile.
func TestBackupIsOneMoment(t *testing.T) {
	const most = 3000 // transactions of each writer: many enough to go on beside the first backup at least
	g := newGateway(t, dbtest.New(t))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	db, err := database.Open(ctx, g.Database) // one for both, as a gateway has it: writers of SQLite queue in it, and two of them would starve each other
	must(t, err)
	defer db.Close()
	for w := range 2 {
		wg.Go(func() {
			for i := range most {
				select {
				case <-stop:
					return
				default:
				}
				if err := db.InTx(ctx, func(tx *database.Tx) error {
					for _, object := range []string{"a", "b"} {
						if _, err := tx.Exec(ctx, `INSERT INTO grants (object, subject, relation, at) VALUES (?, ?, 'r', 1)`, object, fmt.Sprint(w, "-", i)); err != nil {
							return err
						}
					}
					// The account stands in a table that comes before.
					_, err := tx.Exec(ctx, `UPDATE accounts SET last_auth_at = last_auth_at + 1 WHERE username = 'petra'`)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	s := keySecret(t)
	var backups [][]byte
	for range 3 {
		backups = append(backups, backedUp(t, g.Place, s, Options{}))
	}
	close(stop)
	wg.Wait()
	for n, b := range backups {
		to := nowhere(t, dbtest.New(t))
		if _, err := restored(t, b, s, to, How{}); err != nil {
			t.Fatal(err)
		}
		db, err := database.OpenToRead(ctx, to.Database)
		must(t, err)
		var grants, halves, writes int64
		must(t, db.QueryRow(ctx, `SELECT COUNT(*), COUNT(*) - 2 * COUNT(DISTINCT subject) FROM grants`).Scan(&grants, &halves))
		must(t, db.QueryRow(ctx, `SELECT last_auth_at FROM accounts WHERE username = 'petra'`).Scan(&writes))
		must(t, db.Close())
		if n == 0 && writes == 2*most {
			t.Error("all was written before the first backup: there was nothing meanwhile")
		}
		if halves != 0 || grants != 2*writes {
			t.Errorf("%d grants, %d halves, %d transactions", grants, halves, writes)
		}
	}
}

// refused restores and wants the error; the target must then be as it was.
func refused(t *testing.T, b []byte, s Secret, to Place, how How, want error) {
	t.Helper()
	was, keys := dump(t, to.Database), folder(t, to.Keys)
	if _, err := restored(t, b, s, to, how); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if !reflect.DeepEqual(was, dump(t, to.Database)) || !reflect.DeepEqual(keys, folder(t, to.Keys)) {
		t.Error("the refused restore has changed its target")
	}
}

func folder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files, err := keyring.Files(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

func TestTargetsThatDoNotSuit(t *testing.T) {
	from, to := dbtest.New(t), dbtest.New(t)
	s := keySecret(t)
	g := newGateway(t, from)
	b := backedUp(t, g.Place, s, Options{})
	bare := backedUp(t, g.Place, s, Options{WithoutKeys: true})
	other := newGateway(t, to)

	refused(t, b, s, other.Place, How{}, ErrNotEmpty)
	_, stop := running(t, other.Place)
	refused(t, b, s, other.Place, How{Replace: true}, ErrInUse)
	stop()
	refused(t, b, s, Place{other.Database, g.Keys}, How{}, ErrNotEmpty)

	// An empty database beside other keys, or beside none where the backup has none.
	empty := nowhere(t, dbtest.New(t))
	refused(t, b, s, Place{empty.Database, other.Keys}, How{}, ErrOther)
	for name, keys := range map[string]string{"none": empty.Keys, "others": other.Keys} {
		was := folder(t, keys)
		_, err := restored(t, bare, s, Place{empty.Database, keys}, How{Replace: true})
		if err == nil || !strings.Contains(err.Error(), "does not hold the keys") || !reflect.DeepEqual(was, folder(t, keys)) {
			t.Errorf("keys: %s: %v", name, err)
		}
		if len(dump(t, empty.Database)) != 0 {
			t.Error("restored all the same")
		}
	}
	// With its own keys there it goes.
	if _, err := restored(t, bare, s, Place{empty.Database, g.Keys}, How{}); err != nil {
		t.Error(err)
	}

	// Told to, it replaces all, and moves aside what it can.
	old := folder(t, other.Keys)
	done, err := restored(t, b, s, other.Place, How{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(dump(t, from), dump(t, to)) || !reflect.DeepEqual(folder(t, other.Keys), folder(t, g.Keys)) {
		t.Error("not replaced")
	}
	if !reflect.DeepEqual(folder(t, done.OldKeys), old) {
		t.Error("the old keys are lost")
	}
	if to.SQLite != "" {
		info, err := os.Stat(done.OldDatabase)
		if err != nil || info.Mode().Perm() != 0o600 || len(dump(t, database.Config{SQLite: done.OldDatabase})["accounts"]) != 2 {
			t.Errorf("the old database is lost: %v", err)
		}
		if info, err = os.Stat(to.SQLite); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info.Mode(), err)
		}
		if left, _ := filepath.Glob(to.SQLite + ".restoring*"); len(left) != 0 {
			t.Error("left", left)
		}
	}
	n, _ := running(t, other.Place)
	login(t, n, "ursula", g.totp)
}

// Keys that open the backup stay: they may be newer than it.
func TestFittingKeysStay(t *testing.T) {
	g := newGateway(t, dbtest.New(t))
	s := keySecret(t)
	b := backedUp(t, g.Place, s, Options{})
	ring, err := keyring.Open(g.Keys)
	must(t, err)
	_, err = ring.Rotate()
	must(t, err)
	was := folder(t, g.Keys)
	done, err := restored(t, b, s, g.Place, How{Replace: true})
	if err != nil || done.OldKeys != "" || !maps.EqualFunc(was, folder(t, g.Keys), func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("%+v %v", done, err)
	}
}

// A restore that fails at its very end has changed nothing, not the keys either.
func TestFailureAtTheEndPutsTheKeysBack(t *testing.T) {
	s := keySecret(t)
	g := newGateway(t, dbtest.NewSQLite(t))
	b := backedUp(t, g.Place, s, Options{})
	other := newGateway(t, dbtest.NewSQLite(t))
	was := folder(t, other.Keys)
	how := How{Replace: true, Now: now}
	c, err := Check(ctx, strings.NewReader(string(b)), s, t.TempDir())
	must(t, err)
	defer c.Close()
	fixed := now()
	how.Now = func() time.Time { return fixed }
	// Where the old database would be kept stands a folder.
	must(t, os.Mkdir(other.Database.SQLite+fixed.UTC().Format(".replaced-20060102T150405Z"), 0o700))
	if _, err := c.Restore(ctx, other.Place, how); err == nil || !strings.Contains(err.Error(), "keeping the old database") {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(was, folder(t, other.Keys)) || len(dump(t, other.Database)["accounts"]) != 2 {
		t.Error("changed all the same")
	}
	if left, _ := filepath.Glob(filepath.Join(other.Keys, "replaced-*")); len(left) != 0 {
		t.Error("left", left)
	}
	n, _ := running(t, other.Place)
	login(t, n, "ursula", other.totp)
}
