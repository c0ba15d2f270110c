package keyset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
)

const (
	jobLook  = 15 * time.Second // how often a gateway looks whether a job was left alone
	jobStale = time.Minute      // without a sign of its owner for so long, it was
	jobPause = 2 * time.Second  // after a failure
)

// Progress is of the last job that wrapped all sets anew. The zero value: there was none.
type Progress struct {
	Started, Finished   time.Time // Finished is zero while it goes on
	Done, Failed, Total int64     // failed: nobody could unwrap them; the rest was done all the same
	Trouble             string    // why it does not get on, where this gateway does it
}

// job is what this process knows of the job.
type job struct {
	owner string
	kick  chan struct{}

	mu      sync.Mutex
	trouble string
}

// jobRow is the job as the database has it.
type jobRow struct {
	owner, after        string
	beat                int64
	done, failed, total int64
	started, finished   int64
}

var (
	errNoJob = errors.New("there is no job")
	errLost  = errors.New("another gateway has taken the job over")
)

// Rewrap begins to wrap all sets anew in the background, by the master key in force and its newest version. Where that goes on already it is left so.
func (s *Sets) Rewrap(ctx context.Context) (Progress, error) {
	err := s.db.InTx(ctx, func(tx *database.Tx) error {
		j, err := readJob(tx.QueryRow(ctx, jobQuery))
		if err != nil && !errors.Is(err, errNoJob) {
			return err
		}
		if err == nil && j.finished == 0 {
			return nil // somebody is at it, or will be soon
		}
		var total int64
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM data_keys WHERE state <> 'destroyed'`).Scan(&total); err != nil {
			return fmt.Errorf("counting key sets: %w", err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM data_key_rewrap`); err != nil {
			return fmt.Errorf("beginning to rewrap: %w", err)
		}
		now := database.Micros(s.now())
		if _, err := tx.Exec(ctx, `INSERT INTO data_key_rewrap (id, owner, beat_at, after, done, failed, total, started_at, finished_at) VALUES (1, ?, ?, '', 0, 0, ?, ?, 0)`,
			s.job.owner, now, total, now); err != nil {
			return fmt.Errorf("beginning to rewrap: %w", err)
		}
		return nil
	})
	if err != nil {
		return Progress{}, err
	}
	select {
	case s.job.kick <- struct{}{}:
	default:
	}
	return s.Progress(ctx)
}

// Progress tells how far the last job is.
func (s *Sets) Progress(ctx context.Context) (Progress, error) {
	j, err := readJob(s.db.QueryRow(ctx, jobQuery))
	if errors.Is(err, errNoJob) {
		return Progress{}, nil
	}
	p := Progress{Started: database.Time(j.started), Finished: database.Time(j.finished), Done: j.done, Failed: j.failed, Total: j.total}
	if j.finished == 0 && j.owner == s.job.owner {
		s.job.mu.Lock()
		p.Trouble = s.job.trouble
		s.job.mu.Unlock()
	}
	return p, err
}

const jobQuery = `SELECT owner, beat_at, after, done, failed, total, started_at, finished_at FROM data_key_rewrap WHERE id = 1`

func readJob(from *sql.Row) (j jobRow, err error) {
	err = from.Scan(&j.owner, &j.beat, &j.after, &j.done, &j.failed, &j.total, &j.started, &j.finished)
	if errors.Is(err, sql.ErrNoRows) {
		return j, errNoJob
	}
	if err != nil {
		return j, fmt.Errorf("reading how far the job is: %w", err)
	}
	return j, nil
}

// keepJob does the job when this process has begun it, or its owner is gone. It ends with the context.
func (s *Sets) keepJob(ctx context.Context) {
	look := time.NewTicker(jobLook)
	defer look.Stop()
	for {
		s.tryJob(ctx)
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-s.job.kick:
		}
	}
}

// tryJob does what there is of the job to do, until it is done or another's, or the context ends.
func (s *Sets) tryJob(ctx context.Context) {
	for ctx.Err() == nil {
		j, mine, err := s.takeJob(ctx)
		if err == nil && !mine {
			return
		}
		if err == nil {
			err = s.rewrapAll(ctx, j)
		}
		s.job.mu.Lock()
		s.job.trouble = ""
		if err != nil {
			s.job.trouble = err.Error()
		}
		s.job.mu.Unlock()
		if err == nil || errors.Is(err, errLost) {
			return
		}
		_ = s.beat(ctx) // where that fails too, another gateway may try
		select {
		case <-ctx.Done():
		case <-time.After(jobPause):
		}
	}
}

// takeJob takes the job where it is this process's, or was left alone.
func (s *Sets) takeJob(ctx context.Context) (j jobRow, mine bool, err error) {
	j, err = readJob(s.db.QueryRow(ctx, jobQuery))
	if errors.Is(err, errNoJob) || err == nil && j.finished != 0 {
		return j, false, nil
	}
	if err != nil {
		return j, false, err
	}
	now := s.now()
	if j.owner != s.job.owner && now.Sub(database.Time(j.beat)) < jobStale {
		return j, false, nil
	}
	res, err := s.db.Exec(ctx, `UPDATE data_key_rewrap SET owner = ?, beat_at = ? WHERE id = 1 AND owner = ? AND beat_at = ? AND finished_at = 0`,
		s.job.owner, database.Micros(now), j.owner, j.beat)
	if err != nil {
		return j, false, fmt.Errorf("taking the job over: %w", err)
	}
	n, err := res.RowsAffected()
	return j, n == 1, err
}

func (s *Sets) beat(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `UPDATE data_key_rewrap SET beat_at = ? WHERE id = 1 AND owner = ? AND finished_at = 0`, database.Micros(s.now()), s.job.owner)
	return err
}

// note writes down how far the job is. Errors: errLost.
func (s *Sets) note(ctx context.Context, j jobRow) error {
	return s.update(ctx, `after = ?, done = ?, failed = ?`, j.after, j.done, j.failed)
}

func (s *Sets) update(ctx context.Context, set string, values ...any) error {
	args := append(append([]any{database.Micros(s.now())}, values...), s.job.owner)
	res, err := s.db.Exec(ctx, `UPDATE data_key_rewrap SET beat_at = ?, `+set+` WHERE id = 1 AND owner = ? AND finished_at = 0`, args...)
	if err != nil {
		return fmt.Errorf("noting how far the job is: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errLost, err)
	}
	return nil
}

func (s *Sets) finish(ctx context.Context, j jobRow) error {
	if err := s.renewCanaries(ctx); err != nil {
		return err
	}
	if err := s.update(ctx, `finished_at = ?`, database.Micros(s.now())); err != nil {
		return err
	}
	s.emit("data-keys-rewrapped", "", zap.Int64("gateway.data_keys.done", j.done), zap.Int64("gateway.data_keys.failed", j.failed))
	return nil
}
