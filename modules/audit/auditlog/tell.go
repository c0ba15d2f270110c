package auditlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/owner"
)

const (
	checkpointAction = "audit-checkpoint"
	causeStart       = "start"
	tellTime         = 2 * time.Second
	houseEvery       = time.Hour
)

// tell makes the log's state known elsewhere: in the database, in a file for whoever copies it, and as an event that outputs take off the machine. What follows
// a checkpoint that nobody else has can be cut off unseen by who has the node's keys.
func (l *Log) tell(cause string) {
	if l.new == 0 && (cause != causeStart || l.tree.n == 0) {
		return // else each checkpoint's own event would be told by the next
	}
	c, err := Checkpoint{Origin: l.origin, Size: l.tree.n, Root: l.tree.root()}.sign(l.keys.signer)
	if err == nil {
		err = writeFile(filepath.Join(l.o.Dir, "checkpoint"), []byte(c.Note))
	}
	if err != nil {
		l.report(fmt.Errorf("writing a checkpoint of the audit log: %w", err))
		return
	}
	l.new = 0
	if err := l.tellDatabase(c); err != nil {
		if !l.trouble {
			l.report(err) // the next one tells of all before
		}
		l.trouble = true
	} else {
		l.trouble = false
	}
	l.emit(checkpointAction, event.Success, cause, zap.Int64("gateway.audit.size", c.Size), zap.String("gateway.audit.root", c.Root.String()),
		zap.String("gateway.audit.checkpoint", c.Note))
}

func (l *Log) emit(action, outcome, cause string, fields ...zap.Field) {
	l.o.Bus.Emit(&event.Event{
		Time: l.o.Now(), Category: "configuration", Action: action, Outcome: outcome,
		Fields: append([]zap.Field{zap.String("gateway.audit.origin", l.origin), zap.String("gateway.audit.cause", cause)}, fields...),
	})
}

func (l *Log) tellDatabase(c Checkpoint) error {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime) // Close waits for it
	defer cancel()
	_, err := l.o.DB.Exec(ctx, `INSERT INTO audit_heads (origin, place, size, checkpoint, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (origin) DO UPDATE SET place = excluded.place, size = excluded.size, checkpoint = excluded.checkpoint, at = excluded.at
		WHERE audit_heads.size <= excluded.size`, c.Origin, l.o.place(), c.Size, c.Note, database.Micros(l.o.Now()))
	if err != nil {
		return fmt.Errorf("telling the database how far the audit log is: %w", err)
	}
	return nil
}

func (o Options) place() string { return o.Machine + ":" + o.Dir }

// writeFile puts a small file in place whole.
func writeFile(path string, raw []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already where all went well
	_, err = tmp.Write(raw)
	if err = errors.Join(err, owner.Inherit(tmp), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(tmp.Name(), path), syncDir(filepath.Dir(path)))
}

// keepHouse does now and then what retention asks for.
func (l *Log) keepHouse() {
	now := l.o.Now()
	if now.Sub(l.began) >= segmentAge {
		if err := l.rotate(); err != nil { // prunes as well
			l.report(err)
		}
	}
	if now.Sub(l.houseKept) < houseEvery {
		return
	}
	l.houseKept = now
	l.prune()
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	n, err := personal.EraseDays(ctx, l.o.DB, now.Add(-l.settings.Load().Anonymous))
	if err != nil {
		l.report(err) // the next turn erases the same
	}
	if n > 0 {
		l.emit("audit-days-erased", event.Success, "retention", zap.Int64("gateway.audit.keys", n))
	}
}
