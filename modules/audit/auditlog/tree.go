package auditlog

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/convosphere/gateway/modules/internal/owner"
)

const (
	height = 8 // of a tile: 256 hashes
	levels = 7 // of tiles: 2^56 events
)

// peaks are the roots of the full subtrees that make up a tree of n leaves, the largest first. It is all that is needed to go on.
type peaks struct {
	n    int64
	tops []tlog.Hash
}

// add adds a leaf. full is told of each subtree that it fills up, by its level.
func (p *peaks) add(h tlog.Hash, full func(level int, root tlog.Hash)) {
	full(0, h)
	level := 0
	for m := p.n; m&1 == 1; m >>= 1 {
		last := len(p.tops) - 1
		h = tlog.NodeHash(p.tops[last], h)
		p.tops = p.tops[:last]
		level++
		full(level, h)
	}
	p.tops = append(p.tops, h)
	p.n++
}

// root is the tree's hash.
func (p *peaks) root() tlog.Hash {
	if p.n == 0 {
		h, err := tlog.TreeHash(0, nil)
		if err != nil {
			panic(err) // of an empty tree nothing is read
		}
		return h
	}
	h := p.tops[len(p.tops)-1]
	for i := len(p.tops) - 2; i >= 0; i-- {
		h = tlog.NodeHash(p.tops[i], h)
	}
	return h
}

func (p *peaks) clone() peaks { return peaks{p.n, append([]tlog.Hash(nil), p.tops...)} }

func nothing(int, tlog.Hash) {}

// hashes are the files of hashes, open for reading or for both.
type hashes struct {
	dir   string
	write bool
	files [levels]*os.File // nil: not opened yet, or missing
}

func (h *hashes) file(level int) (*os.File, error) {
	if level >= levels {
		return nil, fmt.Errorf("there is no level %d of hashes", level)
	}
	if h.files[level] != nil {
		return h.files[level], nil
	}
	path := filepath.Join(h.dir, strconv.Itoa(level))
	var f *os.File
	var err error
	if h.write {
		f, err = owner.Create(path)
	} else {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening hashes: %w", err)
	}
	h.files[level] = f
	return f, nil
}

func (h *hashes) close() (err error) {
	for _, f := range h.files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

func (h *hashes) sync() error {
	for _, f := range h.files {
		if f != nil {
			if err := f.Sync(); err != nil {
				return fmt.Errorf("writing hashes: %w", err)
			}
		}
	}
	return nil
}

// count is how many hashes of leaves there are.
func (h *hashes) count() (int64, error) {
	f, err := h.file(0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("reading hashes: %w", err)
	}
	return info.Size() / tlog.HashSize, nil
}

// read reads count hashes of a tile level from the nth on.
func (h *hashes) read(level int, n int64, count int) ([]tlog.Hash, error) {
	f, err := h.file(level)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, count*tlog.HashSize)
	if _, err := f.ReadAt(raw, n*tlog.HashSize); err != nil {
		return nil, fmt.Errorf("reading hashes: %w", err)
	}
	all := make([]tlog.Hash, count)
	for i := range all {
		copy(all[i][:], raw[i*tlog.HashSize:])
	}
	return all, nil
}

// subtree is the root of the nth full subtree of 2^level leaves.
func (h *hashes) subtree(level int, n int64) (tlog.Hash, error) {
	within := level % height
	all, err := h.read(level/height, n<<within, 1<<within)
	if err != nil {
		return tlog.Hash{}, err
	}
	for len(all) > 1 {
		for i := range len(all) / 2 {
			all[i] = tlog.NodeHash(all[2*i], all[2*i+1])
		}
		all = all[:len(all)/2]
	}
	return all[0], nil
}

// ReadHashes implements tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		var err error
		if all[i], err = h.subtree(tlog.SplitStoredHashIndex(x)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// peaksAt is the state of the tree when it had n leaves, as the hashes say.
func (h *hashes) peaksAt(n int64) (peaks, error) {
	p := peaks{n: n}
	at := int64(0)
	for level := bits.Len64(uint64(n)) - 1; level >= 0; level-- {
		if n>>level&1 == 0 {
			continue
		}
		top, err := h.subtree(level, at>>level)
		if err != nil {
			return p, err
		}
		p.tops = append(p.tops, top)
		at += 1 << level
	}
	return p, nil
}

// tree is the tree of a log that is written.
type tree struct {
	peaks
	hashes hashes
	wait   [levels][]byte // hashes not yet in their files
}

func (t *tree) add(h tlog.Hash) {
	t.peaks.add(h, func(level int, root tlog.Hash) {
		if level%height == 0 && level/height < levels {
			t.wait[level/height] = append(t.wait[level/height], root[:]...)
		}
	})
}

// marks is what a tree goes back to.
type marks struct {
	peaks peaks
	wait  [levels]int
}

func (t *tree) mark() (m marks) {
	m.peaks = t.clone()
	for i := range t.wait {
		m.wait[i] = len(t.wait[i])
	}
	return m
}

func (t *tree) back(m marks) {
	t.peaks = m.peaks
	for i := range t.wait {
		t.wait[i] = t.wait[i][:m.wait[i]]
	}
}

// flush writes what waits. What it could not write waits on.
func (t *tree) flush() error {
	for level := range t.wait {
		wait := t.wait[level]
		if len(wait) == 0 {
			continue
		}
		f, err := t.hashes.file(level)
		if err != nil {
			return err
		}
		// Their place follows from the tree, not from the file's length: a write that failed half way is written over.
		end := t.n >> (height * level) * tlog.HashSize
		if _, err := f.WriteAt(wait, end-int64(len(wait))); err != nil {
			return fmt.Errorf("writing hashes: %w", err)
		}
		t.wait[level] = wait[:0]
	}
	return nil
}
