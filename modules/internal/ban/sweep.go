package ban

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/convosphere/gateway/modules/internal/database"
)

const sweepBatch = 1000 // rows in one transaction, so that nobody waits long for it

// sweepTables deletes from the database what has ended. Nobody is told: it did not count any more.
func (b *Book) sweepTables(ctx context.Context) error {
	now := database.Micros(b.now())
	for _, q := range []string{
		`DELETE FROM bans WHERE prefix IN (SELECT prefix FROM bans WHERE expires <> 0 AND expires <= ? LIMIT ?)`,
		`DELETE FROM ban_history WHERE prefix IN (SELECT prefix FROM ban_history WHERE until <> 0 AND until <= ? LIMIT ?)`,
	} {
		for {
			result, err := b.db.Exec(ctx, q, now, sweepBatch)
			if err != nil {
				return fmt.Errorf("sweeping bans: %w", err)
			}
			if n, err := result.RowsAffected(); err != nil || n < sweepBatch {
				break
			}
		}
	}
	return nil
}

// fewEnded is up to how many bans are taken out of the trie one by one; for more it is copied once.
const fewEnded = 1000

// forget takes out of memory what has ended.
func (b *Book) forget(now int64) {
	t := b.trie.Load()
	var ended []netip.Prefix
	for p, e := range t.All() {
		if !e.in(now) {
			ended = append(ended, p)
		}
	}
	if len(ended) > fewEnded {
		t = t.Clone()
		for _, p := range ended {
			t.Delete(p)
		}
	} else {
		for _, p := range ended {
			t = t.DeletePersist(p)
		}
	}
	b.trie.Store(t)
}
