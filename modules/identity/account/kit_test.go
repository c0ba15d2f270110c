package account

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Both(m).Run()) }

var (
	ctx  = context.Background()
	noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

// house is an account store on a database of its own.
type house struct {
	*Store
	t testing.TB
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return openHouse(t, dbtest.New(t))
}

func openHouse(t testing.TB, config database.Config) *house {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyring.Open(filepath.Join(dir, "keys"))
	must(err)
	db, err := database.Open(ctx, config)
	must(err)
	t.Cleanup(func() { must(db.Close()) })
	hasher, err := NewHasher(Params{Memory: 64, Time: 1, Threads: 1})
	must(err)
	return &house{NewStore(db, keys, hasher), t}
}

func (h *house) tx(f func(tx *database.Tx) error) error {
	h.t.Helper()
	return h.db.InTx(ctx, f)
}

const testPassword = "otter-lamp-quarry-58"

func (h *house) person(name, email string) Account {
	h.t.Helper()
	hash, err := h.Hash(ctx, testPassword, name)
	if err != nil {
		h.t.Fatal(err)
	}
	var a Account
	err = h.tx(func(tx *database.Tx) (err error) {
		if a, err = h.Create(ctx, tx, noon, name, []string{"user"}, hash); err != nil || email == "" {
			return err
		}
		return h.SetEmail(ctx, tx, noon, a.ID, email, true)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}
