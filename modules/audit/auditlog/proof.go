package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows, without the log, that an event is in it (Leaf and Index), or that an earlier checkpoint (Earlier) is of the same log (RFC 6962, 2.1.1 and 2.1.2). Whoever
// checks it needs the log's public key from somewhere else.
type Proof struct {
	Leaf       string      `json:"leaf,omitempty"`  // as it stands in the log
	Index      int64       `json:"index,omitempty"` // of it
	Earlier    string      `json:"earlier,omitempty"`
	Hashes     []tlog.Hash `json:"hashes"`
	Checkpoint string      `json:"checkpoint"` // signed
}

// latest is the last checkpoint in the log that is right.
func (f *Folder) latest(h *hashes) (c Checkpoint, err error) {
	all, err := segments(f.Dir)
	if err != nil {
		return c, err
	}
	count, err := h.count()
	if err != nil {
		return c, err
	}
	for _, s := range slices.Backward(all) {
		var last [][]byte
		err := lines(s.path, func(x line) error {
			if raw, err := noteOf(x.text); x.group && err == nil {
				last = append(last[max(0, len(last)-lastGroups+1):], raw)
			}
			return nil
		})
		if err != nil {
			return c, err
		}
		for _, raw := range slices.Backward(last) {
			if c, err = OpenCheckpoint(raw, f.Verifier); err == nil && c.Size <= count {
				return c, nil
			}
		}
	}
	return c, errors.New("the log has no checkpoint that is signed by its key")
}

// ErrNoEvent says that there is no such event, or not any more.
var ErrNoEvent = errors.New("the log has no such event, or it was removed by retention, or is not signed yet")

// ProveEvent proves the event of an index.
func (f *Folder) ProveEvent(index int64) (p Proof, err error) {
	h := f.hashes()
	defer func() { err = errors.Join(err, h.close()) }()
	c, err := f.latest(h)
	if err != nil {
		return p, err
	}
	if index < 0 || index >= c.Size {
		return p, ErrNoEvent
	}
	err = f.Read(Query{From: index, To: index + 1}, func(l *Leaf) error {
		p.Leaf = string(l.Line)
		return ErrStop
	})
	if err == nil && p.Leaf == "" {
		err = ErrNoEvent
	}
	if err != nil {
		return p, err
	}
	p.Index, p.Checkpoint = index, c.Note
	hashes, err := tlog.ProveRecord(c.Size, index, h)
	if err != nil {
		return p, fmt.Errorf("making a proof: %w", err)
	}
	p.Hashes = hashes
	return p, p.Check(f.Verifier) // of a log that was altered there is none
}

// Find gives the index of the event of that id.
func (f *Folder) Find(id string) (index int64, err error) {
	index = -1
	err = f.Read(Query{}, func(l *Leaf) error {
		if l.ID != id {
			return nil
		}
		index = l.Index
		return ErrStop
	})
	if err == nil && index < 0 {
		err = ErrNoEvent
	}
	return index, err
}

// ProveEarlier proves that an earlier checkpoint is of this log as it is now.
func (f *Folder) ProveEarlier(earlier []byte) (p Proof, err error) {
	h := f.hashes()
	defer func() { err = errors.Join(err, h.close()) }()
	old, err := OpenCheckpoint(earlier, f.Verifier)
	if err != nil {
		return p, err
	}
	c, err := f.latest(h)
	if err != nil {
		return p, err
	}
	if old.Size > c.Size {
		return p, fmt.Errorf("the earlier checkpoint has %d events, the log %d: it was cut off", old.Size, c.Size)
	}
	p.Earlier, p.Checkpoint = old.Note, c.Note
	if old.Size > 0 {
		hashes, err := tlog.ProveTree(c.Size, old.Size, h)
		if err != nil {
			return p, fmt.Errorf("making a proof: %w", err)
		}
		p.Hashes = hashes
	}
	return p, p.Check(f.Verifier)
}

// Check checks the proof.
func (p Proof) Check(key note.Verifier) error {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), key)
	if err != nil {
		return err
	}
	if p.Earlier != "" {
		old, err := OpenCheckpoint([]byte(p.Earlier), key)
		if err != nil {
			return err
		}
		if old.Size == 0 && len(p.Hashes) == 0 {
			return nil // every log begins with nothing
		}
		if err := tlog.CheckTree(p.Hashes, c.Size, c.Root, old.Size, old.Root); err != nil {
			return fmt.Errorf("the earlier checkpoint is not of this log: %w", err)
		}
		return nil
	}
	if index, ok := indexOf([]byte(p.Leaf)); !ok || index != p.Index {
		return errors.New("the event is not of the index that the proof is for")
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, newEncoder("", nil).hash([]byte(p.Leaf))); err != nil {
		return fmt.Errorf("the event is not in this log at this index: %w", err)
	}
	return nil
}

// mostProof bounds what is read as a proof.
const mostProof = 16 << 20

// ReadProof reads a proof as JSON.
func ReadProof(in io.Reader) (p Proof, err error) {
	raw, err := io.ReadAll(io.LimitReader(in, mostProof+1))
	if err != nil {
		return p, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || len(raw) > mostProof {
		return p, errors.Join(errors.New("it is no proof"), err)
	}
	return p, nil
}
