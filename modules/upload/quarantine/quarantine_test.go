package quarantine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Both(m)) }

// fleet is a database and keys that several gateways share.
type fleet struct {
	db   *database.DB
	keys *keyring.Ring
	now  time.Time
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	db, err := database.Open(t.Context(), dbtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	keys, err := keyring.Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{db: db, keys: keys, now: time.Now()}
}

// book is the quarantine of one more gateway.
func (f *fleet) book(t *testing.T, o Options) *Book {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "quarantine")
	}
	o.DB, o.Keys, o.Now = f.db, f.keys, func() time.Time { return f.now }
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, b *Book, account, content string) Item {
	t.Helper()
	i, err := b.Put(t.Context(), item(account, content), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func item(account, content string) Item {
	return Item{Size: int64(len(content)), Type: "text/plain", Rules: []string{"virus", "type-name"}, Signature: "Test", Route: "/f", Request: "R", Account: account, Name: "my name.txt"}
}

func TestWhatIsKeptIsGivenBackWhole(t *testing.T) {
	b := newFleet(t).book(t, Options{})
	for _, content := range []string{"", "x", strings.Repeat("0123456789", 30_000)} {
		i := put(t, b, "a", content)
		got, err := b.Get(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		// The database counts time in microseconds.
		i.At, i.Expires = i.At.Truncate(time.Microsecond), i.Expires.Truncate(time.Microsecond)
		if fmt.Sprint(got) != fmt.Sprint(i) {
			t.Errorf("got  %+v\nwant %+v", got, i)
		}
		var out bytes.Buffer
		if err := b.Export(t.Context(), i.ID, &out); err != nil || out.String() != content {
			t.Errorf("%d bytes of %d, %v", out.Len(), len(content), err)
		}
	}
}

func TestNeitherDiskNorDatabaseCanBeRead(t *testing.T) {
	f := newFleet(t)
	b := f.book(t, Options{})
	i := put(t, b, "a", strings.Repeat("a secret of its sender ", 10_000))
	raw, err := os.ReadFile(b.path(i.ID))
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if err := f.db.QueryRow(t.Context(), `SELECT sealed FROM quarantine`).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("secret")) || bytes.Contains(sealed, []byte("name")) {
		t.Error("plaintext rests")
	}
	if info, err := os.Stat(b.path(i.ID)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestWhatWasAlteredIsNotExported(t *testing.T) {
	f := newFleet(t)
	b := f.book(t, Options{})
	for name, harm := range map[string]func([]byte) []byte{
		"a bit flipped":    func(c []byte) []byte { c[100] ^= 1; return c },
		"the end cut off":  func(c []byte) []byte { return c[:len(c)-40] },
		"a chunk less":     func(c []byte) []byte { return c[:65552] },
		"two chunks moved": func(c []byte) []byte { return append(append([]byte{}, c[65552:131104]...), c[:65552]...) },
		"something more":   func(c []byte) []byte { return append(c, c[:200]...) },
	} {
		i := put(t, b, "", strings.Repeat("0123456789abcdef", 3*4096))
		raw, err := os.ReadFile(b.path(i.ID))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.path(i.ID), harm(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.Export(t.Context(), i.ID, io.Discard); err == nil {
			t.Errorf("%s: it is exported", name)
		}
	}
	// The key of one row opens no other's file.
	one, two := put(t, b, "", "one"), put(t, b, "", "two")
	if _, err := f.db.Exec(t.Context(), `UPDATE quarantine SET sealed = (SELECT sealed FROM quarantine WHERE id = ?) WHERE id = ?`, one.ID, two.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.Export(t.Context(), two.ID, io.Discard); err == nil {
		t.Error("a row's secret opens in another row")
	}
}

func TestAReleaseHoldsInTheWholeFleetUntilItIsRevoked(t *testing.T) {
	f := newFleet(t)
	here, there := f.book(t, Options{}), f.book(t, Options{})
	i, same := put(t, here, "a", "harmless"), put(t, there, "b", "harmless")
	allowed := func() bool {
		t.Helper()
		ok, err := there.IsAllowed(t.Context(), i.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if allowed() {
		t.Error("allowed before it was released")
	}
	got, err := there.Release(t.Context(), i.ID) // also from another gateway than the one that has the file
	if err != nil || got.Released.IsZero() || !allowed() {
		t.Errorf("%+v, %v, allowed %t", got, err, allowed())
	}
	if other, err := here.Get(t.Context(), same.ID); err != nil || other.Released.IsZero() {
		t.Errorf("another of the same content: %+v, %v", other, err)
	}
	if _, err := here.Release(t.Context(), i.ID); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if all, err := here.AllAllowed(t.Context()); err != nil || len(all) != 1 || all[0].SHA256 != i.SHA256 {
		t.Errorf("%v, %v", all, err)
	}
	if err := here.Revoke(t.Context(), i.SHA256); err != nil || allowed() {
		t.Errorf("%v, allowed %t", err, allowed())
	}
	if err := here.Revoke(t.Context(), i.SHA256); !errors.Is(err, ErrNone) {
		t.Errorf("revoked twice: %v", err)
	}
	if got, err := here.Get(t.Context(), i.ID); err != nil || !got.Released.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFilesOfAnotherGatewayAreNotHere(t *testing.T) {
	f := newFleet(t)
	here, there := f.book(t, Options{}), f.book(t, Options{})
	i := put(t, here, "a", "x")
	if err := there.Export(t.Context(), i.ID, io.Discard); !errors.Is(err, ErrElsewhere) || !strings.Contains(err.Error(), here.Node()) {
		t.Errorf("%v, want the name of the other gateway", err)
	}
	if _, err := there.Delete(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(here.path(i.ID)); err != nil {
		t.Error(err)
	}
	f.now = f.now.Add(2 * time.Hour)
	if err := here.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(here.path(i.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its file is left: %v", err)
	}
	if again := f.book(t, Options{Dir: here.o.Dir}); again.Node() != here.Node() {
		t.Errorf("after a restart it is %s, was %s", again.Node(), here.Node())
	}
}

func TestRoomAndTimeAreBounded(t *testing.T) {
	f := newFleet(t)
	b := f.book(t, Options{Keep: 24 * time.Hour, Total: 40, File: 10})
	try := func(account, content string) error {
		_, err := b.Put(t.Context(), item(account, content), strings.NewReader(content))
		return err
	}
	if err := try("a", strings.Repeat("x", 11)); !errors.Is(err, ErrTooLong) {
		t.Errorf("%v, want ErrTooLong", err)
	}
	first := put(t, b, "a", strings.Repeat("x", 10))
	if err := try("a", "x"); !errors.Is(err, ErrFull) {
		t.Errorf("one sender's share: %v, want ErrFull", err)
	}
	for _, account := range []string{"b", "c", ""} {
		put(t, b, account, strings.Repeat("x", 10))
	}
	if err := try("d", "x"); !errors.Is(err, ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	if _, err := b.Get(t.Context(), first.ID); err != nil {
		t.Errorf("the first had to give way: %v", err)
	}
	f.now = f.now.Add(25 * time.Hour)
	if _, err := b.Get(t.Context(), first.ID); !errors.Is(err, ErrNone) {
		t.Errorf("after its time: %v", err)
	}
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(b.o.Dir, "*"+suffix)); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	if err := try("a", "x"); err != nil {
		t.Error(err)
	}
}

// failing content breaks off.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("broken") }

func TestWhatFailsLeavesNothing(t *testing.T) {
	b := newFleet(t).book(t, Options{})
	if _, err := b.Put(t.Context(), Item{Size: 3}, failing{}); err == nil {
		t.Error("it is kept")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Put(ended, item("", "x"), strings.NewReader("x")); err == nil {
		t.Error("it is kept")
	}
	if files, err := filepath.Glob(filepath.Join(b.o.Dir, "*"+suffix)); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	if all, err := b.List(t.Context(), "", 10); err != nil || len(all) > 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestListsComeInPagesNewestFirst(t *testing.T) {
	f := newFleet(t)
	b := f.book(t, Options{})
	var want []string
	for range 5 {
		f.now = f.now.Add(time.Second)
		want = append([]string{put(t, b, "", "x").ID}, want...)
	}
	var got []string
	for before := ""; ; {
		page, err := b.List(t.Context(), before, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, i := range page {
			got = append(got, i.ID)
		}
		before = got[len(got)-1]
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHashes(t *testing.T) {
	for in, ok := range map[string]bool{strings.Repeat("aF", 32): true, strings.Repeat("a", 63): false, strings.Repeat("g", 64): false, "": false} {
		if _, err := ParseHash(in); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}
