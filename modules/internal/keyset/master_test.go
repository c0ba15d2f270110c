package keyset

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/master"
)

func textKey(t testing.TB) master.Key {
	t.Helper()
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	k, err := master.FromText(base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A wrong master key is told at the start, in one error that shows no key.
func TestAWrongMasterKeyIsOneErrorAtTheStart(t *testing.T) {
	config := dbtest.New(t)
	first, other := textKey(t), textKey(t)
	id := use(t, openNode(t, config, first), "room").ID()
	for what, o := range map[string]struct {
		key    master.Key
		accept []master.Key
	}{"another file": {other, nil}, "the key ring": {ringKey(t), nil}} {
		g := ground(t, config)
		g.Master, g.Accept = o.key, o.accept
		s, err := Open(t.Context(), g)
		if err == nil {
			t.Fatalf("%s: it starts", what)
		}
		if s != nil || !strings.Contains(err.Error(), "the wrong master key") || !strings.Contains(err.Error(), first.ID()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Beside the right one another may take over.
	n := openNode(t, config, other, first)
	if s, err := n.ByID(t.Context(), id); err != nil || s.Name() != "room" {
		t.Fatal(err)
	}
	if i, err := n.Find(t.Context(), use(t, n, "more").ID()); err != nil || i.Master != other.ID() {
		t.Error(i.Master, err)
	}
	// A rotated set is wrapped by the one in force.
	if i, err := n.Rotate(t.Context(), "room"); err != nil || i.Master != other.ID() {
		t.Error(i.Master, err)
	}
}

// Two key rings have the same name, and are told apart by what they wrapped.
func TestAnotherKeyRingIsToldAtTheStart(t *testing.T) {
	config := dbtest.New(t)
	n := openNode(t, config, ringKey(t))
	g := ground(t, config)
	g.Master = ringKey(t)
	// Where nothing would be lost, the new one takes over.
	s, err := Open(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	n.close()
	again := openNode(t, config, g.Master)
	use(t, again, "room")
	g = ground(t, config)
	g.Master = ringKey(t)
	if _, err := Open(t.Context(), g); err == nil || !strings.Contains(err.Error(), "the wrong master key: keyring") {
		t.Error(err)
	}
}

// What is wrapped names its set: in the row of another it opens nothing.
func TestAWrappedSetOpensInItsOwnRowAlone(t *testing.T) {
	n := openNode(t, dbtest.New(t), ringKey(t))
	a, b := use(t, n, "a"), use(t, n, "b")
	if _, err := n.db.Exec(t.Context(), `UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE id = ?), revision = 2 WHERE id = ?`, a.ID(), b.ID()); err != nil {
		t.Fatal(err)
	}
	n.cache.clear()
	if s, err := n.ByID(t.Context(), b.ID()); err == nil {
		t.Fatal("b has the keys of", s.Name())
	}
	if _, err := n.ByID(t.Context(), a.ID()); err != nil {
		t.Error(err)
	}
}

// A database that was altered by hand opens nothing and breaks nothing.
func TestAlteredRows(t *testing.T) {
	n := openNode(t, dbtest.New(t), ringKey(t))
	id := use(t, n, "a").ID()
	for _, set := range []string{`wrapped = ''`, `wrapped = 'x'`, `name = 'b'`, `master = 'none'`, `state = 'other'`} {
		before := func() (b []byte, name, by, state string) {
			if err := n.db.QueryRow(t.Context(), `SELECT wrapped, name, master, state FROM data_keys`).Scan(&b, &name, &by, &state); err != nil {
				t.Fatal(err)
			}
			return b, name, by, state
		}
		wrapped, name, by, state := before()
		if _, err := n.db.Exec(t.Context(), `UPDATE data_keys SET `+set); err != nil {
			t.Fatal(err)
		}
		n.cache.clear()
		if _, err := n.ByID(t.Context(), id); err == nil {
			t.Errorf("%s: it opens", set)
		}
		if _, err := n.db.Exec(t.Context(), `UPDATE data_keys SET wrapped = ?, name = ?, master = ?, state = ?`, wrapped, name, by, state); err != nil {
			t.Fatal(err)
		}
		n.cache.clear()
		if _, err := n.ByID(t.Context(), id); err != nil {
			t.Errorf("after %s: %v", set, err)
		}
	}
}

var _ Feed = (*database.Feed)(nil)
