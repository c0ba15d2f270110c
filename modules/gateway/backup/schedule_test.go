package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// clock is one that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// scheduled is a schedule of a gateway, and what it told.
type scheduled struct {
	*Schedule
	clock *clock
	db    *database.DB
	told  []Made
}

func newSchedule(t *testing.T, change func(*Plan)) *scheduled {
	t.Helper()
	g := newGateway(t, dbtest.New(t))
	db, err := database.Open(ctx, g.Database)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s := &scheduled{clock: &clock{time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)}, db: db}
	key := keySecret(t)
	p := Plan{
		Folder: filepath.Join(t.TempDir(), "backups"), Every: 24 * time.Hour, Keep: Keep{Last: 2}, Secret: func() (Secret, error) { return key, nil },
		From: g.Place, Scratch: t.TempDir(), Node: "one", Options: Options{Now: s.clock.now, Gateway: "test"},
	}
	if change != nil {
		change(&p)
	}
	s.Schedule = NewSchedule(p, db, func(m Made, _ error) { s.told = append(s.told, m) })
	return s
}

func (s *scheduled) files(t *testing.T) []File {
	t.Helper()
	all, err := List(s.plan.Folder)
	must(t, err)
	return all
}

func TestABackupIsMadeWhenItIsDue(t *testing.T) {
	s := newSchedule(t, nil)
	for day := range 4 {
		must(t, s.perhaps(ctx, false))
		must(t, s.perhaps(ctx, false)) // none is due
		if len(s.told) != day+1 || s.told[day].Reason != "" || s.told[day].Rows == 0 || s.told[day].Size == 0 {
			t.Fatalf("day %d: %+v", day, s.told)
		}
		if why, err := s.Late(ctx); why != "" || err != nil {
			t.Error(why, err)
		}
		s.clock.at = s.clock.at.Add(24 * time.Hour)
	}
	files := s.files(t)
	if len(files) != 2 || files[0].Header.Gateway != "test" || !files[0].Header.Keys {
		t.Fatalf("%+v", files)
	}
	info, err := os.Stat(files[0].Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	s.clock.at = s.clock.at.Add(49 * time.Hour)
	if why, err := s.Late(ctx); why == "" || err != nil {
		t.Error("it is late, and nobody says so", err)
	}
	if all, err := All(ctx, s.db); err != nil || len(all) != 4 || all[0].Ended.Before(all[3].Ended) {
		t.Error(all, err)
	}
	if left, err := os.ReadDir(s.plan.Scratch); err != nil || len(left) != 0 {
		t.Error("decrypted data is left:", left, err)
	}
}

// Of the gateways that share a database one makes it, also where all look at once. One that was killed at it is stood in for.
func TestOneOfAFleetMakesIt(t *testing.T) {
	s := newSchedule(t, nil)
	dead, err := take(ctx, s.db, s.clock.now) // and is killed
	must(t, err)
	must(t, s.perhaps(ctx, false))
	if len(s.told) != 0 {
		t.Fatal("two at once")
	}
	if err := s.perhaps(ctx, true); !errors.Is(err, errNotOurs) {
		t.Error("asked for:", err)
	}
	s.clock.at = s.clock.at.Add(turnLasts + time.Second)
	must(t, s.perhaps(ctx, false))
	if len(s.told) != 1 {
		t.Fatal("nobody stands in")
	}
	must(t, dead.giveBack(ctx)) // what is not its own any more stays
	other := NewSchedule(s.plan, s.db, func(Made, error) { t.Error("made again") })
	must(t, other.perhaps(ctx, false))
}

// A turn that another has taken ends what was begun under it.
func TestALostTurnIsTold(t *testing.T) {
	s := newSchedule(t, nil)
	mine, err := take(ctx, s.db, s.clock.now)
	must(t, err)
	s.clock.at = s.clock.at.Add(turnLasts + time.Second)
	_, err = take(ctx, s.db, s.clock.now)
	must(t, err)
	r, err := s.db.Exec(ctx, `UPDATE turns SET until = ? WHERE name = ? AND holder = ?`, 1, turnName, mine.holder)
	must(t, err)
	if n, err := r.RowsAffected(); n != 0 || err != nil {
		t.Error("it still counts as its own", err)
	}
}

func TestABackupThatFailsIsToldAndTriedAgain(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(blocked, nil, 0o600))
	s := newSchedule(t, func(p *Plan) { p.Folder = filepath.Join(blocked, "backups") })
	if err := s.perhaps(ctx, false); err == nil {
		t.Fatal("it was made nowhere")
	}
	if len(s.told) != 1 || s.told[0].Reason == "" || strings.Contains(s.told[0].Reason, blocked) {
		t.Fatalf("%+v", s.told)
	}
	if why, err := s.Late(ctx); why == "" || err != nil {
		t.Error("nobody says that it failed", err)
	}
	must(t, s.perhaps(ctx, false)) // not again at once
	if len(s.told) != 1 {
		t.Fatal("it was tried again at once")
	}
	must(t, os.Remove(blocked))
	s.clock.at = s.clock.at.Add(mostRetry)
	must(t, s.perhaps(ctx, false))
	if len(s.told) != 2 || s.told[1].Reason != "" || len(s.files(t)) != 1 {
		t.Fatalf("%+v", s.told)
	}
	if why, err := s.Late(ctx); why != "" || err != nil {
		t.Error(why, err)
	}
}

// Bytes that the disk has changed are found right after, the file is in no list, and what was good stays.
func TestADamagedBackupReplacesNone(t *testing.T) {
	s := newSchedule(t, func(p *Plan) { p.Keep = Keep{Last: 1} })
	must(t, s.perhaps(ctx, false))
	good := s.files(t)[0].Path
	s.clock.at = s.clock.at.Add(24 * time.Hour)
	key, err := s.plan.Secret()
	must(t, err)
	path := filepath.Join(s.plan.Folder, fileName(s.clock.at, "one"))
	_, err = Create(ctx, path, false, s.plan.From, key, s.plan.Options)
	must(t, err)
	raw, err := os.ReadFile(path)
	must(t, err)
	raw[len(raw)/2] ^= 1
	must(t, os.WriteFile(path, raw, 0o600))
	if err := s.accept(ctx, path, key, new(Made)); !errors.Is(err, ErrAltered) {
		t.Fatal("it passes:", err)
	}
	if files := s.files(t); len(files) != 1 || files[0].Path != good {
		t.Errorf("%+v", files)
	}
	if _, err := os.Stat(path + damaged); err != nil {
		t.Error(err)
	}
}

// What no key opens in the database itself is told, and does not keep it from being backed up.
func TestWhatIsWrongWithTheDatabaseIsTold(t *testing.T) {
	s := newSchedule(t, nil)
	_, err := s.db.Exec(ctx, `UPDATE second_factors SET secret = ?`, []byte("of another ring"))
	must(t, err)
	must(t, s.perhaps(ctx, false))
	if len(s.told) != 1 || s.told[0].Reason != "" || s.told[0].Warning == "" || s.told[0].Rows == 0 || len(s.files(t)) != 1 {
		t.Errorf("%+v", s.told)
	}
}

// A clock that was wrong neither holds up what is due, nor makes one after the other.
func TestAClockThatWasAhead(t *testing.T) {
	s := newSchedule(t, nil)
	right := s.clock.at
	s.clock.at = right.Add(10 * 365 * 24 * time.Hour)
	must(t, s.perhaps(ctx, false))
	s.clock.at = right
	must(t, s.perhaps(ctx, false))
	if len(s.told) != 2 {
		t.Fatal("none is made for ten years")
	}
	s.clock.at = right.Add(time.Hour)
	must(t, s.perhaps(ctx, false))
	if len(s.told) != 2 {
		t.Fatal("one after the other")
	}
}

// What runs ends when its gateway does, and one that was asked for is made at once.
func TestRunMakesOneThatIsAskedFor(t *testing.T) {
	var seconds atomic.Int64 // each look at the clock is a second later: no two backups are called the same
	s := newSchedule(t, func(p *Plan) {
		p.Options.Now = func() time.Time {
			return time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC).Add(time.Duration(seconds.Add(1)) * time.Second)
		}
	})
	var made atomic.Int64
	s.tell = func(Made, error) { made.Add(1) }
	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		s.Run(running)
		close(ended)
	}()
	for n := range 3 { // the first is due by itself
		for deadline := time.Now().Add(2 * time.Minute); made.Load() < int64(n+1); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("none was made")
			}
			s.Soon()
		}
	}
	end()
	<-ended
	if is := s.Status(); !is.Running.IsZero() || is.Err != nil || is.Good.IsZero() {
		t.Error(is)
	}
	s.Soon() // nobody makes it any more, and another may have been asked for already
	if s.Soon() {
		t.Error("more than one is asked for at once")
	}
}
