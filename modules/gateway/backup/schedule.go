package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// Plan is what a gateway does by itself.
type Plan struct {
	Folder  string // where the files go
	Every   time.Duration
	Keep    Keep                   // Last is at least 1
	Secret  func() (Secret, error) // asked at each backup, so that a file that was replaced is read
	From    Place
	Scratch string // for the restore that verifies: what is in it then is decrypted
	Node    string
	Options Options
}

// Schedule makes backups when they are due, of a fleet that shares a database one node at a time. It is used by many.
type Schedule struct {
	plan  Plan
	db    *database.DB
	tell  func(Made, error) // of each that was made, or failed
	looks chan struct{}     // somebody asks for one now; what they sent is closed when it has ended
	look  time.Duration     // between looks whether one is due

	mu      sync.Mutex
	running time.Time // since when one is made here; zero: none is
	good    time.Time // when the last good one was begun, as far as is known; zero: there was none
	err     error     // what kept the last look from telling, or the last backup from being made

	began time.Time // when the schedule did
}

const (
	longest    = 6 * time.Hour // a backup may take
	leastRetry = time.Minute
	mostRetry  = 15 * time.Minute
)

// NewSchedule makes one. Run runs it.
func NewSchedule(p Plan, db *database.DB, tell func(Made, error)) *Schedule {
	return &Schedule{plan: p, db: db, tell: tell, looks: make(chan struct{}, 1), look: min(max(p.Every/20, time.Second), time.Minute), began: p.Options.Now()}
}

// Run makes backups until ctx ends.
func (s *Schedule) Run(ctx context.Context) {
	for {
		wait := time.NewTimer(s.look)
		s.turn(ctx, false)
		select {
		case <-ctx.Done():
		case <-s.looks:
			s.turn(ctx, true)
		case <-wait.C:
		}
		wait.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Every is how often one is to be made.
func (s *Schedule) Every() time.Duration { return s.plan.Every }

// Soon has one made now, and does not wait for it. It is false where one was asked for already.
func (s *Schedule) Soon() bool {
	select {
	case s.looks <- struct{}{}:
		return true
	default:
		return false
	}
}

// Status is how a schedule stands.
type Status struct {
	Running time.Time // since when one is made here; zero: none is
	Good    time.Time // when the fleet's last good one was begun; zero: there was none, or nobody has looked yet
	Err     error     // what kept the last from being made, here
}

// Status tells how it stands.
func (s *Schedule) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{s.running, s.good, s.err}
}

// Late tells whether the last good backup is older than it should be by a whole interval, or whether the last try failed.
func (s *Schedule) Late(ctx context.Context) (why string, err error) {
	good, err := LastGood(ctx, s.db)
	if err != nil {
		return "", err
	}
	newest, err := last(ctx, s.db)
	if err != nil {
		return "", err
	}
	since := good.Ended
	if since.IsZero() {
		since = s.began
	}
	switch {
	case newest.Reason != "":
		return "the last backup failed", nil
	case s.plan.Options.Now().Sub(since) > 2*s.plan.Every:
		return "the last backup is older than two intervals", nil
	}
	return "", nil
}

// turn looks whether a backup is due, and makes it where no other node does.
func (s *Schedule) turn(ctx context.Context, asked bool) {
	err := s.perhaps(ctx, asked)
	if ctx.Err() != nil {
		return // the gateway ends, or another configuration takes over: it will be due again
	}
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
}

func (s *Schedule) perhaps(ctx context.Context, asked bool) error {
	if is, err := s.due(ctx); err != nil || !is && !asked {
		return err
	}
	mine, err := take(ctx, s.db, s.plan.Options.Now)
	if errors.Is(err, errNotOurs) && !asked {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	var beat sync.WaitGroup
	beat.Go(func() { mine.keep(ctx, cancel) })
	defer func() {
		cancel()
		beat.Wait()
		end, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		_ = mine.giveBack(end) // it ends by itself where this fails
		done()
	}()
	if is, err := s.due(ctx); err != nil || !is && !asked { // another may have made it between our look and our turn
		return err
	}
	return s.make(ctx)
}

// due tells whether the last good one is old enough, and the last that failed long enough ago.
func (s *Schedule) due(ctx context.Context) (bool, error) {
	good, err := LastGood(ctx, s.db)
	if err != nil {
		return false, err
	}
	newest, err := last(ctx, s.db)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	s.good = good.Began
	s.mu.Unlock()
	now := s.plan.Options.Now()
	if newest.Reason != "" && now.Sub(newest.Ended) < s.retry() && !newest.Ended.After(now) {
		return false, nil
	}
	return now.Sub(good.Began) >= s.plan.Every || good.Began.After(now.Add(ahead)), nil
}

func (s *Schedule) retry() time.Duration {
	return min(max(s.plan.Every/10, leastRetry), mostRetry)
}

// make makes one, verifies it, and removes what need not be kept any more. The failure of the last alone is none of the backup.
func (s *Schedule) make(ctx context.Context) error {
	now := s.plan.Options.Now
	m := Made{Node: s.plan.Node, Began: now()}
	s.mu.Lock()
	s.running = m.Began
	s.mu.Unlock()
	path := filepath.Join(s.plan.Folder, fileName(m.Began, s.plan.Node))
	err := s.write(ctx, path, &m)
	m.Ended = now()
	s.mu.Lock()
	s.running = time.Time{}
	if err == nil {
		s.good = m.Began
	}
	s.mu.Unlock()
	if err != nil && stopped(ctx) {
		return err
	}
	if err != nil {
		m.Reason = reasonOf(err)
	}
	remembered, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	told := remember(remembered, s.db, m)
	s.tell(m, err)
	if err == nil {
		err = tidy(s.plan.Folder, path, s.plan.Keep, now())
		if err != nil {
			err = fmt.Errorf("removing old backups: %w", err)
		}
	}
	return errors.Join(err, told)
}

func (s *Schedule) write(ctx context.Context, path string, m *Made) error {
	secret, err := s.plan.Secret()
	if err != nil {
		return err
	}
	if err := owner.MkdirAll(s.plan.Folder, 0o700); err != nil {
		return fmt.Errorf("making the folder of the backups: %w", err)
	}
	if _, err := Create(ctx, path, false, s.plan.From, secret, s.plan.Options); err != nil {
		return err
	}
	return s.accept(ctx, path, secret, m)
}

// accept verifies what was written. What does not pass is in no list.
func (s *Schedule) accept(ctx context.Context, path string, secret Secret, m *Made) error {
	err := s.verify(ctx, path, secret, m)
	switch {
	case err == nil:
		m.File = filepath.Base(path)
		return nil
	case stopped(ctx):
		return errors.Join(err, os.Remove(path)) // nobody knows whether it is good
	}
	m.File = filepath.Base(path) + damaged // for whoever looks into it; no list has it
	return errors.Join(err, os.Rename(path, path+damaged))
}

// stopped tells whether somebody ended what was to be done, rather than its time.
func stopped(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// verify restores it aside from what is on the disk.
func (s *Schedule) verify(ctx context.Context, path string, secret Secret, m *Made) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	keys := ""
	if s.plan.Options.WithoutKeys {
		keys = s.plan.From.Keys
	}
	d, err := Drill(ctx, f, secret, s.plan.Scratch, keys)
	if errors.Is(err, ErrSealed) {
		m.Warning, err = err.Error(), nil // it is what the database holds, and a backup of that is better than none
	}
	if err != nil {
		return fmt.Errorf("verifying the backup: %w", err)
	}
	m.Size = d.Size
	for _, n := range d.Rows {
		m.Rows += n
	}
	return nil
}

// reasonOf is an error in our own words, for events and for people who have no business with paths: the log has the rest.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, ErrAltered), errors.Is(err, errDiffers), errors.Is(err, ErrSecret), errors.Is(err, ErrNoBackup):
		return "what was written did not pass its verification"
	case errors.Is(err, os.ErrPermission):
		return "the gateway may not write the folder, or read the key"
	case errors.Is(err, os.ErrNotExist):
		return "the folder or the key file is missing"
	case isFull(err):
		return "the disk is full"
	}
	return "it could not be written"
}
