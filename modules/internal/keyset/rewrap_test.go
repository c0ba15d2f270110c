package keyset

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/master"
	"github.com/convosphere/gateway/test/transit"
)

func vault(t testing.TB, s *transit.Server, key string) *master.Vault {
	t.Helper()
	t.Setenv("VAULT_TOKEN", s.Token)
	v, err := master.OpenVault(master.VaultOptions{URL: s.URL, Key: key, CA: s.CA})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func rewrap(t *testing.T, n *node) Progress {
	t.Helper()
	p, err := n.Rewrap(t.Context())
	if err != nil || p.Started.IsZero() {
		t.Fatal(p, err)
	}
	eventually(t, "all sets are wrapped anew", func() bool {
		if p, err = n.Progress(t.Context()); err != nil {
			t.Fatal(err)
		}
		return !p.Finished.IsZero()
	})
	return p
}

// The whole way from the key ring to a service, and to a new version of its key, while sets are in use; then the old ones are of no use to anyone.
func TestRewrapMovesAllSetsToAnotherMasterKey(t *testing.T) {
	config, ring := dbtest.New(t), ringKey(t)
	n := openNode(t, config, ring)
	const many = rewrapBatch + 7
	values := map[string][]byte{}
	for i := range many {
		s := use(t, n, fmt.Sprint("room/", i))
		values[s.ID()] = seal(t, s, "text", "x", "")
	}
	dead := use(t, n, "dead")
	if _, err := n.Destroy(t.Context(), "dead"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Disable(t.Context(), "room/1"); err != nil {
		t.Fatal(err)
	}
	n.close()

	s := transit.Start(t, "gateway")
	v := vault(t, s, "gateway")
	n = openNode(t, config, v, ring)
	if p := rewrap(t, n); p.Done != many || p.Failed != 0 || p.Total != many {
		t.Fatalf("%+v", p)
	}
	n.close()
	wrapped := func() (versions map[string]int) {
		versions = map[string]int{}
		g := ground(t, config)
		rows, err := g.DB.Query(t.Context(), `SELECT wrapped FROM data_keys WHERE state <> 'destroyed' UNION ALL SELECT canary FROM data_key_masters`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var b []byte
			if err := rows.Scan(&b); err != nil {
				t.Fatal(err)
			}
			version, _, _ := strings.Cut(strings.TrimPrefix(string(b), "vault:"), ":")
			versions[version]++
		}
		return versions
	}
	if got := wrapped(); len(got) != 1 || got["v1"] != many+1 {
		t.Fatal(got)
	}

	// The old master key is not needed any more, and an old version of the new one is not either.
	s.Rotate("gateway")
	n = openNode(t, config, v)
	before := s.Counts()["decrypt"]
	if p := rewrap(t, n); p.Done != many || p.Failed != 0 {
		t.Fatalf("%+v", p)
	}
	if s.Counts()["decrypt"] != before {
		t.Error("the service hands out keys to have them wrapped anew")
	}
	if got := wrapped(); len(got) != 1 || got["v2"] != many+1 {
		t.Fatal(got)
	}
	n.close()
	s.Refuse("gateway", 2)
	n = openNode(t, config, v)
	if _, err := n.Enable(t.Context(), "room/1"); err != nil {
		t.Fatal(err)
	}
	for id, sealed := range values {
		opens(t, n, id, "text", sealed, "", "x")
	}
	if _, err := n.ByID(t.Context(), dead.ID()); !errors.Is(err, ErrDestroyed) {
		t.Error(err)
	}
}

// A job that a gateway leaves half done is taken up by another, where it stood.
func TestRewrapIsTakenUp(t *testing.T) {
	config, key := dbtest.New(t), ringKey(t)
	var later atomic.Int64
	o := ground(t, config)
	o.Master, o.Now = key, func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	n := openWith(t, o)
	for i := range 30 {
		use(t, n, fmt.Sprint(i))
	}
	rows, err := n.after(t.Context(), "")
	if err != nil || len(rows) != 30 {
		t.Fatal(len(rows), err)
	}
	// As one that was killed leaves it, after ten.
	now := database.Micros(time.Now())
	if _, err := n.db.Exec(t.Context(), `INSERT INTO data_key_rewrap (id, owner, beat_at, after, done, failed, total, started_at, finished_at) VALUES (1, 'gone', ?, ?, 10, 0, 30, ?, 0)`,
		now, rows[9].id, now); err != nil {
		t.Fatal(err)
	}
	n.tryJob(t.Context())
	if p, err := n.Progress(t.Context()); err != nil || !p.Finished.IsZero() || p.Done != 10 {
		t.Fatalf("another's job was taken: %+v %v", p, err)
	}
	later.Store(int64(2 * jobStale))
	n.tryJob(t.Context())
	if p, err := n.Progress(t.Context()); err != nil || p.Finished.IsZero() || p.Done != 30 || p.Failed != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	after, err := n.after(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range after {
		if anew := string(after[i].wrapped) != string(rows[i].wrapped); anew != (i >= 10) {
			t.Errorf("set %d was wrapped anew: %v", i, anew)
		}
	}
}

// One that goes on is not begun a second time, and what nobody can unwrap keeps the others from nothing.
func TestRewrapCountsWhatIsLost(t *testing.T) {
	n := openNode(t, dbtest.New(t), ringKey(t))
	for i := range 5 {
		use(t, n, fmt.Sprint(i))
	}
	if _, err := n.db.Exec(t.Context(), `UPDATE data_keys SET wrapped = ? WHERE name = '3'`, []byte("broken")); err != nil {
		t.Fatal(err)
	}
	if p := rewrap(t, n); p.Done != 4 || p.Failed != 1 || p.Total != 5 {
		t.Errorf("%+v", p)
	}
}

// A service that is away for a while holds the job up, and nothing else that is in memory.
func TestAMasterKeyThatIsAway(t *testing.T) {
	config := dbtest.NewSQLite(t)
	s := transit.Start(t, "gateway")
	v := vault(t, s, "gateway")
	n := openNode(t, config, v)
	room := use(t, n, "room")
	sealed := seal(t, room, "text", "x", "")
	s.Seal()
	opens(t, n, room.ID(), "text", sealed, "", "x")
	if _, err := n.Use(t.Context(), "new"); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	g := ground(t, config)
	g.Master = v
	if _, err := Open(t.Context(), g); err == nil || !strings.Contains(err.Error(), "can't be reached") {
		t.Error("a gateway that starts meanwhile:", err)
	}
	if _, err := n.Rewrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job tells why it waits", func() bool {
		p, err := n.Progress(t.Context())
		return err == nil && strings.Contains(p.Trouble, "can't be reached") && p.Finished.IsZero()
	})
	s.Unseal()
	if p := rewrap(t, n); p.Done != 1 || p.Failed != 0 {
		t.Errorf("%+v", p)
	}
}
