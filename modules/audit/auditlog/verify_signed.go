package auditlog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type toldCheckpoint struct {
	Checkpoint
	from string
}

// prepare finds what the log is to be held against.
func (v *verification) prepare(told []Told) error {
	var err error
	if raw, err := os.ReadFile(filepath.Join(v.Dir, "vkey")); err != nil || strings.TrimSpace(string(raw)) != v.VKey {
		v.report.find(Foreign, 0, 0, "", "the folder says that the log's key is another")
	}
	if v.pruned, err = readPruned(v.Dir, v.Verifier); err != nil {
		v.report.find(Unsigned, 0, 0, "", err.Error())
	}
	if v.segments, err = segments(v.Dir); err != nil {
		return err
	}
	if raw, err := os.ReadFile(filepath.Join(v.Dir, "checkpoint")); err == nil {
		told = append(told, Told{"the folder", string(raw)})
	}
	for _, t := range told {
		if t.Note == "" {
			continue
		}
		c, err := OpenCheckpoint([]byte(t.Note), v.Verifier)
		if err != nil {
			v.report.find(Unsigned, 0, 0, "", fmt.Sprintf("the checkpoint of %s: %v", t.From, err))
			continue
		}
		v.told = append(v.told, toldCheckpoint{c, t.From})
	}
	return v.trust()
}

// trust finds the largest signed tree that the files of hashes are.
func (v *verification) trust() error {
	all, err := v.signed()
	if err != nil {
		return err
	}
	count, err := v.hashes.count()
	if err != nil {
		return err
	}
	in, err := v.leaves()
	if err != nil {
		return err
	}
	var p peaks
	for _, c := range all {
		for p.n < c.Size && p.n < count {
			h, err := next(in)
			if err == nil {
				err = v.breath()
			}
			if err != nil {
				return err
			}
			p.add(h, nothing)
		}
		if p.n == c.Size && p.root() == c.Root {
			v.truth = c.Size
		}
	}
	if v.stored, err = v.leaves(); err != nil {
		return err
	}
	if v.pruned.Size > 0 {
		v.passPruned()
	}
	return nil
}

// lastGroups is how many checkpoints at the log's end are tried: the hashes may be behind the events by some, while a gateway writes.
const lastGroups = 64

// signed lists checkpoints that the key has signed: those told, and the last of the log.
func (v *verification) signed() ([]Checkpoint, error) {
	var all []Checkpoint
	for _, t := range v.told {
		all = append(all, t.Checkpoint)
	}
	if v.pruned.Size > 0 {
		all = append(all, v.pruned)
	}
	var raws [][]byte
	for _, s := range v.segments[max(0, len(v.segments)-2):] {
		err := lines(s.path, func(x line) error {
			if raw, err := noteOf(x.text); err == nil && x.group {
				raws = append(raws[max(0, len(raws)-lastGroups+1):], raw)
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for _, raw := range raws {
		if c, err := OpenCheckpoint(raw, v.Verifier); err == nil {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return all, nil
}
