package keyset

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestRotate(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a, b := openNode(t, config, key), openNode(t, config, key)
	s := use(t, a, "room")
	id, index := s.ID(), s.Index("mail", []byte("x"))
	old := seal(t, s, "text", "old", "")
	version, ikm, err := s.StreamKey("file")
	if err != nil {
		t.Fatal(err)
	}
	use(t, b, "room") // b has it in memory, with one version
	i, err := a.Rotate(t.Context(), "room")
	if err != nil || i.Versions != 2 || i.Rotated.IsZero() || i.ID != id {
		t.Fatal(i, err)
	}
	fresh := seal(t, use(t, a, "room"), "text", "new", "")
	if bytes.Equal(fresh[:4], old[:4]) {
		t.Fatal("the old version still encrypts")
	}
	// At once, whether b has heard of it or not.
	if opens(t, b, id, "text", fresh, "", "new") || !opens(t, b, id, "text", old, "", "old") {
		t.Error("what is stale is not told from what is not")
	}
	// What one version encrypted is not taken for another's.
	moved := append(bytes.Clone(fresh[:4]), old[4:]...)
	for _, n := range []*node{a, b} {
		if plain, _, err := use(t, n, "room").Open(nil, "text", moved, nil); !errors.Is(err, ErrSealed) || plain != nil {
			t.Errorf("moved to another version it opens: %q %v", plain, err)
		}
	}
	now := use(t, b, "room")
	if !bytes.Equal(now.Index("mail", []byte("x")), index) {
		t.Error("rotation changes blind indexes: nothing would be found any more")
	}
	if of, err := now.StreamKeyOf("file", version); err != nil || !bytes.Equal(of, ikm) {
		t.Error("files of the version before can't be read:", err)
	}
	eventually(t, "the other gateway encrypts by the new version", func() bool {
		return bytes.Equal(seal(t, use(t, b, "room"), "text", "x", "")[:4], fresh[:4])
	})
}

// While keys rotate again and again in two gateways, nothing that either encrypts or decrypts fails. The values go to and fro as they would by a back end.
func TestNothingFailsWhileKeysRotate(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	nodes := []*node{openNode(t, config, key), openNode(t, config, key)}
	id := use(t, nodes[0], "room").ID()
	var stop atomic.Bool
	var done atomic.Int64
	values := make(chan []byte, 64)
	var wg sync.WaitGroup
	for w := range 8 {
		from, to := nodes[w%2], nodes[(w/2)%2]
		wg.Go(func() {
			for !stop.Load() {
				s, err := from.Use(t.Context(), "room")
				if err != nil {
					t.Error("use:", err)
					return
				}
				sealed, err := s.Seal(nil, "text", []byte("value"), []byte("aad"))
				if err != nil {
					t.Error("seal:", err)
					return
				}
				select {
				case values <- sealed:
				default:
				}
				select {
				case sealed = <-values:
				default:
				}
				r, err := to.ByID(t.Context(), id)
				if err != nil {
					t.Error("by id:", err)
					return
				}
				if plain, _, err := r.Open(nil, "text", sealed, []byte("aad")); err != nil || string(plain) != "value" {
					t.Errorf("open: %q %v", plain, err)
					return
				}
				done.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	for i := range 20 {
		if _, err := nodes[i%2].Rotate(t.Context(), "room"); err != nil {
			t.Error("rotate:", err)
		}
		before := done.Load()
		eventually(t, "requests go on", func() bool { return done.Load() > before+20 || t.Failed() })
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d values were encrypted and decrypted", done.Load())
}

// deaf is a feed that brings nothing, as one does for its first fifth of a second.
type deaf struct{ Feed }

func (deaf) Subscribe(string, func(string)) func() { return func() {} }

// A gateway under load that meets a version it has not heard of reads the set again, once, and fails nobody.
func TestManyMeetANewVersionAtOnce(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a := openNode(t, config, key)
	o := ground(t, config)
	o.Master, o.Feed = key, deaf{o.Feed}
	b := openWith(t, o)
	id := use(t, a, "room").ID()
	for range 5 {
		held, err := b.ByID(t.Context(), id) // a request that has begun
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Rotate(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		sealed := seal(t, use(t, a, "room"), "text", "x", "")
		before, _, _ := b.Counts()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if plain, _, err := held.Open(nil, "text", sealed, nil); err != nil || string(plain) != "x" {
					t.Errorf("%q %v", plain, err)
				}
			})
		}
		wg.Wait()
		if after, _, _ := b.Counts(); after-before > 5 {
			t.Errorf("it was read %d times", after-before)
		}
	}
}

// Versions that never were, which whoever writes the back end's data can make up, cost a bounded number of questions.
func TestVersionsThatNeverWere(t *testing.T) {
	var now atomic.Int64
	o := ground(t, dbtest.NewSQLite(t))
	o.Master, o.Now = ringKey(t), func() time.Time { return time.Unix(now.Load(), 0) }
	n := openWith(t, o)
	s := use(t, n, "room")
	forged := seal(t, s, "text", "x", "")
	forged[0] ^= 1
	before, _, _ := n.Counts()
	refused := 0
	for range 10 * renewBudget {
		if _, _, err := use(t, n, "room").Open(nil, "text", forged, nil); errors.Is(err, ErrUnavailable) {
			refused++
		} else if !errors.Is(err, ErrSealed) {
			t.Fatal(err)
		}
	}
	if after, _, _ := n.Counts(); after-before > 2*renewBudget || refused == 0 {
		t.Errorf("it was read %d times, and refused %d times", after-before, refused)
	}
	now.Add(1)
	if _, _, err := use(t, n, "room").Open(nil, "text", forged, nil); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
}

// Two who rotate the same set at once both do.
func TestRotationsDoNotOverwriteEachOther(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a, b := openNode(t, config, key), openNode(t, config, key)
	use(t, a, "room")
	var wg sync.WaitGroup
	for _, n := range []*node{a, b, a, b} {
		wg.Go(func() {
			if _, err := n.Rotate(t.Context(), "room"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if i, err := a.Find(t.Context(), "room"); err != nil || i.Versions != 5 {
		t.Fatal(i.Versions, err)
	}
}

func TestDisableAndEnable(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a, b := openNode(t, config, key), openNode(t, config, key)
	s, held := use(t, a, "room"), use(t, b, "room")
	sealed := seal(t, s, "text", "x", "")
	if i, err := a.Disable(t.Context(), s.ID()); err != nil || i.State != Disabled {
		t.Fatal(i, err)
	}
	refused := func(n *node, held *Set) bool {
		_, e1 := n.Use(t.Context(), "room")
		_, e2 := n.ByID(t.Context(), s.ID())
		_, e3 := held.Seal(nil, "text", nil, nil)
		_, _, e4 := held.Open(nil, "text", sealed, nil)
		return errors.Is(e1, ErrDisabled) && errors.Is(e2, ErrDisabled) && errors.Is(e3, ErrDisabled) && errors.Is(e4, ErrDisabled) && held.Index("m", nil) == nil
	}
	if !refused(a, s) {
		t.Error("the gateway that disabled it still uses it")
	}
	eventually(t, "the other gateway refuses", func() bool { return refused(b, held) })
	if _, err := a.Rotate(t.Context(), "room"); !errors.Is(err, ErrDisabled) {
		t.Error(err)
	}
	if i, err := b.Enable(t.Context(), "room"); err != nil || i.State != Active {
		t.Fatal(i, err)
	}
	opens(t, b, s.ID(), "text", sealed, "", "x")
	eventually(t, "the first gateway uses it again", func() bool {
		_, err := a.Use(t.Context(), "room")
		return err == nil
	})
}

// A destroyed set is gone from the memory of all gateways and from the database, and its name makes no new one unasked.
func TestDestroy(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	a, b := openNode(t, config, key), openNode(t, config, key)
	s, held := use(t, a, "room"), use(t, b, "room")
	sealed := seal(t, s, "text", "x", "")
	e, err := a.Export(t.Context(), "room")
	if err != nil || len(e.Key) == 0 || e.ID != s.ID() {
		t.Fatal(e.Info, err)
	}
	if i, err := a.Destroy(t.Context(), "room"); err != nil || i.State != Destroyed {
		t.Fatal(i, err)
	}
	gone := func(n *node, held *Set) bool {
		_, e1 := n.Use(t.Context(), "room")
		_, e2 := n.ByID(t.Context(), s.ID())
		_, e3 := held.Seal(nil, "text", nil, nil)
		_, _, e4 := held.Open(nil, "text", sealed, nil)
		return errors.Is(e1, ErrDestroyed) && errors.Is(e2, ErrDestroyed) && errors.Is(e3, ErrDestroyed) && errors.Is(e4, ErrDestroyed)
	}
	if !gone(a, s) {
		t.Error("the gateway that destroyed it still has it")
	}
	eventually(t, "the other gateway has it no more", func() bool { return gone(b, held) })
	if c := openNode(t, config, key); !gone(c, s) {
		t.Error("a gateway that starts has it")
	}
	for what, try := range map[string]func() error{
		"enable":  func() error { _, err := a.Enable(t.Context(), s.ID()); return err },
		"disable": func() error { _, err := a.Disable(t.Context(), s.ID()); return err },
		"rotate":  func() error { _, err := a.Rotate(t.Context(), s.ID()); return err },
		"export":  func() error { _, err := a.Export(t.Context(), s.ID()); return err },
	} {
		if err := try(); !errors.Is(err, ErrDestroyed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	holds(t, config, a, e.Key)

	// A new one of that name, which an operator makes, is another.
	i, err := a.New(t.Context(), "room")
	if err != nil || i.ID == s.ID() {
		t.Fatal(i, err)
	}
	if _, err := a.New(t.Context(), "room"); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	eventually(t, "the other gateway uses the new one", func() bool {
		n, err := b.Use(t.Context(), "room")
		return err == nil && n.ID() == i.ID
	})
	if _, err := b.ByID(t.Context(), s.ID()); !errors.Is(err, ErrDestroyed) { // a token of before
		t.Error(err)
	}
	if n, err := b.Use(t.Context(), "room"); err != nil || n.ID() != i.ID {
		t.Error("the destroyed one stands for the name again:", err)
	}
}

// holds fails where the database still has the bytes: SQLite in any of its files.
func holds(t *testing.T, config database.Config, n *node, key []byte) {
	t.Helper()
	var rows int
	if err := n.db.QueryRow(t.Context(), `SELECT COUNT(*) FROM data_keys WHERE wrapped = ?`, key).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows hold the destroyed key: %v", rows, err)
	}
	if config.SQLite == "" {
		return
	}
	for _, file := range []string{config.SQLite, config.SQLite + "-wal"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, key[len(key)/2:]) {
			t.Errorf("%s still holds the destroyed key", file)
		}
	}
}

func TestListAndFind(t *testing.T) {
	n := openNode(t, dbtest.New(t), ringKey(t))
	for i := range 5 {
		use(t, n, fmt.Sprintf("room/%d", i))
	}
	use(t, n, "tenant/%")
	var names []string
	for after := (Cursor{}); ; {
		page, err := n.List(t.Context(), "room/", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page {
			names = append(names, i.Name)
			after = Cursor{i.Name, i.ID}
		}
		if len(page) < 2 {
			break
		}
	}
	if got := strings.Join(names, " "); got != "room/0 room/1 room/2 room/3 room/4" {
		t.Error(got)
	}
	if all, err := n.List(t.Context(), "", Cursor{}, 100); err != nil || len(all) != 6 || all[0].State != Active || all[0].Versions != 1 || all[0].Created.IsZero() {
		t.Error(len(all), err)
	}
	id := use(t, n, "room/1").ID()
	if i, err := n.Find(t.Context(), id); err != nil || i.Name != "room/1" {
		t.Error(i, err)
	}
	use(t, n, id) // a name that is another's id
	if _, err := n.Find(t.Context(), id); !errors.Is(err, ErrAmbiguous) {
		t.Error(err)
	}
	if _, err := n.Find(t.Context(), "none"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
