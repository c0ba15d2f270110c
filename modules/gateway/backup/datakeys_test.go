package backup

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/master"
)

// dataKeys opens the key sets of a place.
func dataKeys(t *testing.T, p Place) (s *keyset.Sets, err error) {
	t.Helper()
	keys, err := keyring.Open(p.Keys)
	must(t, err)
	db, err := database.Open(ctx, p.Database)
	must(t, err)
	feed, err := database.NewFeed(ctx, db)
	must(t, err)
	events, err := event.Open(event.Options{Dir: t.TempDir()})
	must(t, err)
	s, err = keyset.Open(ctx, keyset.Options{DB: db, Feed: feed, Events: events, Now: time.Now, Master: master.FromRing(keys)})
	t.Cleanup(func() {
		if s != nil {
			must(t, s.Close())
		}
		feed.Close()
		must(t, errors.Join(events.Close(), db.Close()))
	})
	return s, err
}

// What was encrypted for the back end, by any version of a key, is read after a restore; without the key ring it is one clear error at the start. What was destroyed before the
// backup is in none; what was destroyed after it is back.
func TestDataKeysAreRestored(t *testing.T) {
	ways(t, func(t *testing.T, from, to database.Config) {
		g := newGateway(t, from)
		sets, err := dataKeys(t, g.Place)
		must(t, err)
		type value struct {
			id     string
			sealed []byte
		}
		var values []value
		seal := func(name string) value {
			t.Helper()
			s, err := sets.Use(ctx, name)
			must(t, err)
			sealed, err := s.Seal(nil, "text", []byte("hello"), []byte(name))
			must(t, err)
			return value{s.ID(), sealed}
		}
		values = append(values, seal("room/1"), seal("room/2"))
		_, err = sets.Rotate(ctx, "room/1")
		must(t, err)
		values = append(values, seal("room/1"))
		before, after := seal("gone/before"), seal("gone/after")
		destroyed, err := sets.Export(ctx, "gone/before")
		must(t, err)
		_, err = sets.Destroy(ctx, "gone/before")
		must(t, err)

		secret := keySecret(t)
		b := backedUp(t, g.Place, secret, Options{})
		_, err = sets.Destroy(ctx, "gone/after")
		must(t, err)
		for table, rows := range dump(t, from) {
			for _, row := range rows {
				if bytes.Contains([]byte(row), destroyed.Key) {
					t.Errorf("%s still has the destroyed key", table)
				}
			}
		}
		target := nowhere(t, to)
		_, err = restored(t, b, secret, target, How{})
		must(t, err)
		there, err := dataKeys(t, target)
		must(t, err)
		for _, v := range append(values, after) {
			s, err := there.ByID(ctx, v.id)
			must(t, err)
			plain, _, err := s.Open(nil, "text", v.sealed, []byte(s.Name()))
			if err != nil || string(plain) != "hello" {
				t.Errorf("%s: %q %v", s.Name(), plain, err)
			}
		}
		if _, err := there.ByID(ctx, before.id); !errors.Is(err, keyset.ErrDestroyed) {
			t.Error("what was destroyed before the backup:", err)
		}
		if _, err := dataKeys(t, Place{Database: to, Keys: nowhere(t, to).Keys}); err == nil || !strings.Contains(err.Error(), "the wrong master key") {
			t.Error("with another key ring:", err)
		}
	})
}
