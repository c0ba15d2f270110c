package backup

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

// A database of GW_BACKUP (1GiB in `make measure`, here 4MiB) is backed up, drilled and restored, over both databases; the log says how long each took.
func TestTimesAtThatSize(t *testing.T) {
	want := uint64(4 << 20)
	if s := os.Getenv("GW_BACKUP"); s != "" {
		n, err := humanize.ParseBytes(s)
		must(t, err)
		want = n
	}
	g := newGateway(t, dbtest.New(t))
	rows := fill(t, g.Place, int64(want))
	key := keySecret(t)
	path := filepath.Join(t.TempDir(), "of.backup")

	began := time.Now()
	sum, err := Create(ctx, path, false, g.Place, key, Options{Now: now})
	must(t, err)
	written := time.Since(began)
	if sum.Rows["audit_keys"] != rows {
		t.Fatalf("%d rows, want %d", sum.Rows["audit_keys"], rows)
	}

	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	d, err := Drill(ctx, f, key, t.TempDir(), "")
	must(t, err)
	if d.Size < int64(want) {
		t.Errorf("a backup of %d bytes", d.Size)
	}
	for _, one := range d.Samples {
		if one.What == "keys of the audit log" && (one.Tried != mostSampled || one.Opened != mostSampled) {
			t.Errorf("%+v", one)
		}
	}

	_, err = f.Seek(0, 0)
	must(t, err)
	to := nowhere(t, database.Config{SQLite: filepath.Join(t.TempDir(), "restored.db")})
	if dbtest.Postgres() {
		to = nowhere(t, dbtest.New(t))
	}
	began = time.Now()
	c, err := Check(ctx, f, key, t.TempDir())
	must(t, err)
	_, err = c.Restore(ctx, to, How{Now: now})
	must(t, err)
	restored := time.Since(began)
	must(t, c.Close())
	t.Logf("%s in %d rows, %s: backup %s; drill %s, and %s to open and look through; restore %s; file %s",
		humanize.IBytes(want), rows, sum.Header.Database, round(written), round(d.Read), round(d.Opened), round(restored), humanize.IBytes(uint64(d.Size)))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// fill adds sealed rows of a kilobyte until the table has that many bytes.
func fill(t *testing.T, p Place, want int64) (rows int64) {
	t.Helper()
	ring, err := keyring.Open(p.Keys)
	must(t, err)
	db, err := database.Open(ctx, p.Database)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	table := database.Table{Name: "audit_keys", Columns: []database.Column{{Name: "subject", Kind: database.Text}, {Name: "id", Kind: database.Text}, {Name: "secret", Kind: database.Bytes}, {Name: "at", Kind: database.Integer}}}
	for left := want; left > 0; {
		must(t, db.InTx(ctx, func(tx *database.Tx) error {
			into := inserter{ctx: ctx, tx: tx, table: table}
			for range 20_000 {
				if left <= 0 {
					break
				}
				id := rand.Text()
				plain := make([]byte, 1024)
				_, _ = rand.Read(plain) // never fails
				sealed, err := ring.Seal(plain, store.Key("audit_keys", "secret", id))
				if err != nil {
					return err
				}
				if err := into.add([]any{hex.EncodeToString(plain[:16]), id, sealed, int64(1)}); err != nil {
					return err
				}
				left -= int64(len(sealed))
				rows++
			}
			return into.flush()
		}))
	}
	return rows
}
