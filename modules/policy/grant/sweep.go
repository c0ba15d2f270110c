package grant

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	sweepInterval = time.Minute
	sweepBatch    = 1000 // rows in one transaction, so that nobody waits long for it
)

// sweep deletes what has expired, now and then: it no longer counts, but it tells of people. It ends with ctx.
func (s *Store) sweep(ctx context.Context) {
	defer close(s.swept)
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// Left undone when it fails: the next turn deletes the same rows.
			_, _ = s.Sweep(ctx)
		}
	}
}

// Sweep deletes what has expired, and returns how much it was. Nobody is told: it did not count any more.
func (s *Store) Sweep(ctx context.Context) (n int64, err error) {
	for {
		result, err := s.db.Exec(ctx, `DELETE FROM grants WHERE (object, subject, relation) IN
			(SELECT object, subject, relation FROM grants WHERE expires <> 0 AND expires <= ? LIMIT ?)`, database.Micros(s.now()), sweepBatch)
		if err != nil {
			return n, err
		}
		batch, err := result.RowsAffected()
		n += batch
		if err != nil || batch < sweepBatch {
			return n, err
		}
	}
}
