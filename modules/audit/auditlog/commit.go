package auditlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// writer is what the log's goroutine alone uses.
type writer struct {
	enc       *encoder
	tree      tree
	file      file // nil: it failed, and another is to be made
	at        int64
	first     int64     // of the segment
	began     time.Time // when the segment did
	out       []byte
	day       *personal.Key // of what belongs to nobody
	dayIs     string
	new       int64 // events since the last checkpoint that was told, but the log's own
	trouble   bool  // the database did not take the last checkpoint
	unsealed  bool  // nor had the keys of all people
	prunedTo  int64
	houseKept time.Time
}

// commit writes a batch and the checkpoint behind it, in one write and one fsync. Of one that fails nothing remains.
func (l *Log) commit(b *batch) error {
	if l.file == nil {
		if err := l.newSegment(); err != nil {
			return err
		}
	}
	people, err := l.sealers(b.users)
	if err != nil {
		return err
	}
	mark := l.tree.mark()
	out, start, lost := l.out[:0], 0, b.lost
	for i, end := range b.ends {
		before := len(out)
		key := people[b.users[i]]
		if key == nil {
			key = l.day
		}
		out, err = l.enc.leaf(out, b.lines[start:end], l.tree.n, lost, key)
		start = end
		if err != nil { // no event of ours: the encoder writes JSON objects
			out = out[:before]
			lost++
			l.lost.Add(1)
			continue
		}
		l.tree.add(l.enc.hash(out[before:]))
		out, lost = append(out, '\n'), 0
	}
	c, err := Checkpoint{Origin: l.origin, Size: l.tree.n, Root: l.tree.root()}.sign(l.keys.signer)
	if err == nil {
		out = groupLine(out, c)
		err = l.put(out)
	}
	l.out = out
	if err != nil {
		l.tree.back(mark)
		return err
	}
	l.carry(lost)
	l.at += int64(len(out))
	l.new += int64(len(b.ends) - b.own)
	l.size.Store(l.tree.n)
	if err := l.tree.flush(); err != nil {
		l.report(err) // they wait, and follow from the events
	}
	if l.at >= l.settings.Load().Segment {
		if err := l.rotate(); err != nil {
			l.report(err)
		}
	}
	return nil
}

// carry has the next event say what none could say yet.
func (l *Log) carry(lost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.filling.lost += lost
}

// put appends to the segment.
func (l *Log) put(out []byte) error {
	_, err := l.file.WriteAt(out, l.at)
	if err != nil {
		return errors.Join(fmt.Errorf("writing the audit log: %w", err), l.file.Truncate(l.at))
	}
	if err := l.file.Sync(); err != nil {
		// What the disk has of it is not known any more, nor would another fsync tell: the segment ends before, and another goes on.
		err = errors.Join(fmt.Errorf("writing the audit log: %w", err), l.file.Truncate(l.at), l.file.Close())
		l.file = nil
		return err
	}
	return nil
}

// sealers gives the keys of the batch's people, which it brings into memory; what is not among them is sealed with the day's. That is so of what belongs to nobody,
// of people who were erased, and of those whose key can't be had since the database does not answer: then it is not erased with the person, but with the day.
func (l *Log) sealers(users []string) (map[string]*personal.Key, error) {
	ctx := context.Background() // bounded by Want itself; the goroutine ends with Close, which waits for what is written
	if err := l.today(ctx); err != nil {
		return nil, err
	}
	subjects := map[string]string{}
	var want []string
	for _, u := range users {
		if _, asked := subjects[u]; u == "" || asked {
			continue
		}
		subjects[u] = l.personal.Person(u)
		if _, ok := l.personal.Cached(subjects[u]); !ok {
			want = append(want, subjects[u])
		}
	}
	if len(want) > 0 {
		err := l.personal.Want(ctx, want)
		if err != nil && !l.unsealed {
			l.report(fmt.Errorf("the keys of some people can't be had, the day's stands in: %w", err))
		}
		l.unsealed = err != nil
	}
	found := make(map[string]*personal.Key, len(subjects))
	for u, subject := range subjects {
		if k, ok := l.personal.Cached(subject); ok && k != nil {
			found[u] = k
		}
	}
	return found, nil
}

// today sees that there is a key of the day. Yesterday's goes on while the database does not answer.
func (l *Log) today(ctx context.Context) error {
	day := personal.Day(l.o.Now())
	if l.day != nil && l.dayIs == day {
		return nil
	}
	err := l.personal.Want(ctx, []string{day})
	if k, ok := l.personal.Cached(day); err == nil && ok && k != nil {
		l.day, l.dayIs = k, day
	}
	if l.day == nil {
		return errors.Join(errors.New("there is no key to seal with"), err)
	}
	return nil
}

// rotate ends the segment and begins another.
func (l *Log) rotate() error {
	if l.first == l.tree.n {
		return nil
	}
	err := errors.Join(l.tree.flush(), l.tree.hashes.sync()) // Open relies on those of all segments but the last
	if err != nil {
		return err
	}
	if old := l.file; old != nil { // else it ended already, and there was no room for another
		l.file = nil
		err = old.Close()
	}
	if err := errors.Join(err, l.newSegment()); err != nil {
		return err
	}
	l.tell("rotation")
	l.prune()
	return nil
}

// newSegment makes the file that goes on at the tree's size. It begins with a checkpoint, so that each segment can be checked by itself.
func (l *Log) newSegment() error {
	c, err := Checkpoint{Origin: l.origin, Size: l.tree.n, Root: l.tree.root()}.sign(l.keys.signer)
	if err != nil {
		return err
	}
	path := segmentPath(l.o.Dir, l.tree.n)
	made, err := owner.Create(path)
	if err != nil {
		return fmt.Errorf("beginning a segment of the audit log: %w", err)
	}
	f := l.o.disk(made)
	head := groupLine(nil, c)
	if err = f.Truncate(0); err == nil { // one that is there was never finished
		_, err = f.WriteAt(head, 0)
	}
	if err = errors.Join(err, f.Sync(), syncDir(filepath.Dir(path))); err != nil {
		return errors.Join(fmt.Errorf("beginning a segment of the audit log: %w", err), f.Close())
	}
	l.file, l.at, l.first, l.began = f, int64(len(head)), l.tree.n, l.o.Now()
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (l *Log) closeFiles() error {
	err := errors.Join(l.tree.flush(), l.tree.hashes.sync(), l.tree.hashes.close())
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	return err
}
