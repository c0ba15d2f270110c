package backup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func drilled(t *testing.T, b []byte, s Secret, keys string) (Drilled, error) {
	t.Helper()
	scratch := t.TempDir()
	d, err := Drill(ctx, bytes.NewReader(b), s, scratch, keys)
	if left, rerr := os.ReadDir(scratch); rerr != nil || len(left) != 0 {
		t.Error("decrypted data is left:", left, rerr)
	}
	return d, err
}

func TestDrillOpensWhatIsSealed(t *testing.T) {
	g := newGateway(t, dbtest.New(t))
	key := keySecret(t)
	b := backedUp(t, g.Place, key, Options{})
	d, err := drilled(t, b, key, "")
	must(t, err)
	if d.Size != int64(len(b)) || d.Rows["accounts"] != 2 {
		t.Errorf("%+v", d)
	}
	tried := map[string]int{}
	for _, one := range d.Samples {
		tried[one.What] = one.Tried
		if one.Opened != one.Tried {
			t.Errorf("%+v", one)
		}
	}
	if tried["second factors"] != 1 {
		t.Errorf("%+v", d.Samples)
	}
}

// Without its keys a backup is tried with those of the gateway, and is worth nothing beside others.
func TestDrillWithoutKeys(t *testing.T) {
	g := newGateway(t, dbtest.New(t))
	key := keySecret(t)
	b := backedUp(t, g.Place, key, Options{WithoutKeys: true})
	if d, err := drilled(t, b, key, g.Keys); err != nil || len(d.Samples) == 0 {
		t.Error(d, err)
	}
	other := filepath.Join(t.TempDir(), "keys")
	_, err := keyring.Open(other)
	must(t, err)
	if _, err := drilled(t, b, key, other); err == nil || !strings.Contains(err.Error(), "does not hold the keys") {
		t.Error(err)
	}
	if d, err := drilled(t, b, key, ""); err != nil || len(d.Samples) != 0 {
		t.Error(d, err)
	}
}

// A row that was sealed with other keys, as of a database that somebody mixed of two, is found before it is needed.
func TestDrillFindsWhatNoKeyOpens(t *testing.T) {
	g := newGateway(t, dbtest.New(t))
	db, err := database.Open(ctx, g.Database)
	must(t, err)
	_, err = db.Exec(ctx, `UPDATE second_factors SET secret = ?`, []byte("sealed with other keys"))
	must(t, errors.Join(err, db.Close()))
	key := keySecret(t)
	if _, err := drilled(t, backedUp(t, g.Place, key, Options{}), key, ""); !errors.Is(err, ErrSealed) {
		t.Fatal(err)
	}
}

// A rebuilt database that differs in one value is told from one that does not.
func TestSumsTellADifference(t *testing.T) {
	g := newGateway(t, dbtest.NewSQLite(t))
	tables, err := tablesOf(ctx, database.Latest())
	must(t, err)
	db, err := database.Open(ctx, g.Database)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	is := sums{}
	for _, table := range tables {
		must(t, is.read(ctx, db, table))
	}
	must(t, is.compare(ctx, db, tables))
	for _, q := range []string{`UPDATE accounts SET revision = revision + 1 WHERE id = (SELECT MIN(id) FROM accounts)`, `DELETE FROM second_factors`} {
		_, err := db.Exec(ctx, q)
		must(t, err)
		if err := is.compare(ctx, db, tables); !errors.Is(err, errDiffers) {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestDrillRefusesWhatRestoreDoes(t *testing.T) {
	g := newGateway(t, dbtest.NewSQLite(t))
	key := keySecret(t)
	b := backedUp(t, g.Place, key, Options{})
	if _, err := drilled(t, b, keySecret(t), ""); !errors.Is(err, ErrSecret) {
		t.Error(err)
	}
	if _, err := drilled(t, b[:len(b)-1], key, ""); !errors.Is(err, ErrAltered) {
		t.Error(err)
	}
	b[len(b)/2] ^= 1
	if _, err := drilled(t, b, key, ""); !errors.Is(err, ErrAltered) {
		t.Error(err)
	}
}
