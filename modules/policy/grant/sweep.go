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

// upkeep deletes what has expired, now and then: it no longer counts, but it tells of people. And it keeps what is known of emergencies small.
// What fails is left to the next turn. It ends with ctx.
func (s *Store) upkeep(ctx context.Context) {
	defer close(s.ended)
	_ = s.loadEmergencies(ctx)
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = s.Sweep(ctx)
			_ = s.loadEmergencies(ctx)
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
		expired.Add(float64(batch))
		if err != nil || batch < sweepBatch {
			return n, err
		}
	}
}
