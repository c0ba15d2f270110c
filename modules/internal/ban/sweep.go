package ban

import (
	"context"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/database"
)

const sweepBatch = 1000 // rows in one transaction, so that nobody waits long for it

// sweep deletes what has ended, from memory and from the database. Nobody is told: it did not count any more. Only run calls it, as
// everything that changes the trie.
func (b *Book) sweep(ctx context.Context) error {
	b.forget(database.Micros(b.now()))
	return b.sweepTables(ctx)
}

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

// forget takes out of memory what has ended.
func (b *Book) forget(now int64) {
	t := b.trie.Load()
	var fresh *trie
	for p, e := range t.All() {
		if e.in(now) {
			continue
		}
		if fresh == nil {
			fresh = t.Clone()
		}
		fresh.Delete(p)
	}
	if fresh != nil {
		b.trie.Store(fresh)
	}
}
