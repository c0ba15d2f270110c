package auditlog

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Told is a checkpoint that was kept elsewhere.
type Told struct{ From, Note string }

// Verify reads the whole log and compares it with what was signed: with the checkpoints in it, and with those that were kept elsewhere. An error is that it
// could not; what is wrong with the log is in the report.
//
// What is right is known from the hashes, where the root that was signed is theirs; else from each event's own mark, where the node's key ring is there; else
// only from group to group.
func Verify(f *Folder, told ...Told) (*Report, error) {
	return VerifyAside(f, func() error { return nil }, told...)
}

// VerifyAside is Verify beside other work: breathe is called after each few events, and an error of it ends the verification.
func VerifyAside(f *Folder, breathe func() error, told ...Told) (*Report, error) {
	v := &verification{Folder: f, report: &Report{Origin: f.Origin, Key: f.VKey}, hashes: f.hashes(), running: f.beingWritten(), breathe: breathe}
	defer v.hashes.close()
	if err := v.prepare(told); err != nil {
		return nil, err
	}
	if err := v.walk(); err != nil {
		return nil, err
	}
	v.sequence.settle(v.report, v.size)
	v.compare()
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int { return cmp.Compare(a.From, b.From) })
	return v.report, nil
}

// verification is one run.
type verification struct {
	*Folder
	report     *Report
	hashes     *hashes
	running    bool
	breathe    func() error
	lines      int
	segments   []segment
	pruned     Checkpoint
	told       []toldCheckpoint
	size       int64 // how far it is signed, as far as the log shows by itself or the hashes prove
	truth      int64 // up to where the hashes are those that were signed
	stored     *bufio.Reader
	storedAt   int64
	storedEnds bool
	tree       peaks // of what is right, as far as it was walked
	broken     bool  // the tree can't be followed any further
	sequence   sequence
	last       int64 // size at the last checkpoint that was right
	behind     int   // events behind the last checkpoint
	torn       bool
}

// leaves reads the hashes of the events from the beginning.
func (v *verification) leaves() (*bufio.Reader, error) {
	f, err := v.hashes.file(0)
	if errors.Is(err, fs.ErrNotExist) {
		return bufio.NewReader(strings.NewReader("")), nil
	}
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(io.NewSectionReader(f, 0, 1<<62), 64<<10), nil
}

func next(in *bufio.Reader) (h tlog.Hash, err error) {
	if _, err = io.ReadFull(in, h[:]); err != nil {
		err = fmt.Errorf("reading hashes: %w", err)
	}
	return h, err
}

// storedHash is what the files say that the hash of an event is. It is asked for in order.
func (v *verification) storedHash(i int64) (h tlog.Hash, ok bool) {
	for v.storedAt <= i {
		if v.storedEnds {
			return h, false
		}
		var err error
		if h, err = next(v.stored); err != nil {
			v.storedEnds = true
			return h, false
		}
		v.storedAt++
	}
	return h, true
}

// passPruned takes up the tree behind what retention has removed.
func (v *verification) passPruned() {
	for v.tree.n < v.pruned.Size {
		h, ok := v.storedHash(v.tree.n)
		if !ok {
			break
		}
		v.tree.add(h, nothing)
	}
	v.report.First, v.sequence.next, v.last = v.pruned.Size, v.pruned.Size, v.pruned.Size
	if v.tree.n != v.pruned.Size || v.tree.root() != v.pruned.Root {
		v.report.find(Hashes, 0, v.pruned.Size, "", "the hashes of events that retention has removed are not those that were signed")
		v.broken = true
	}
}

// walk reads all events in order.
func (v *verification) walk() error {
	for i, s := range v.segments {
		if i+1 < len(v.segments) && v.segments[i+1].first <= v.pruned.Size {
			continue // retention is just about to remove it
		}
		err := lines(s.path, func(x line) error {
			if x.group {
				v.group(x)
			} else {
				v.event(x)
			}
			return v.breath()
		})
		if errors.Is(err, fs.ErrNotExist) && v.running {
			continue // retention was quicker
		}
		if err != nil {
			return err
		}
	}
	v.size = max(v.last, v.truth)
	return nil
}

// breatheEvery is after how many events it is.
const breatheEvery = 1024

func (v *verification) breath() error {
	if v.lines++; v.lines%breatheEvery != 0 {
		return nil
	}
	return v.breathe()
}

// event judges one line.
func (v *verification) event(x line) {
	v.behind++
	l := seen{claimed: -1}
	var leaf Leaf
	if err := leaf.parse(x.text); err == nil {
		l.claimed, l.id = leaf.Index, leaf.ID
		v.report.Lost += leaf.Lost
	} else if !x.whole {
		v.torn = true
		return // the end of a file that a crash has torn, or that is just written; if it was signed, it is missing
	} else if index, ok := indexOf(x.text); ok {
		l.claimed = index
	}
	if l.claimed >= 0 && leaf.Line != nil {
		l.hash = v.enc.hash(x.text)
		l.authentic = v.authentic(l, x.text)
	}
	v.sequence.see(l, v.accept)
}

// authentic tells whether the line is the event of the index that it claims.
func (v *verification) authentic(l seen, text []byte) bool {
	if v.byRing {
		return v.enc.authentic(text)
	}
	if l.claimed < v.truth {
		h, err := v.hashes.read(0, l.claimed, 1)
		return err == nil && h[0] == l.hash
	}
	return true // nothing says otherwise but the next checkpoint
}

// accept takes an event that is at its place: the tree grows by what is right.
func (v *verification) accept(i int64, l *seen) {
	stored, ok := v.storedHash(i)
	if l != nil && l.authentic && ok && stored != l.hash {
		if i < v.truth { // by its mark it is the gateway's, but it is not what was signed
			v.report.find(Changed, i, i+1, l.id, "it is not the event that was signed at this place")
		} else if !v.running { // else it may just be written
			v.report.find(Hashes, i, i+1, l.id, "its hash in the files of hashes is another")
		}
	}
	if !ok && !v.mayLag(i) {
		v.report.find(Hashes, i, i+1, "", "its hash is missing in the files of hashes")
	}
	switch {
	case v.broken || i != v.tree.n:
		v.broken = true
	case i < v.truth:
		v.tree.add(stored, v.full)
	case l != nil && l.authentic:
		v.tree.add(l.hash, v.full)
	default:
		v.broken = true
	}
}

// mayLag tells whether the hash of an event may be missing: those of the last segment are written after the events, and made anew where a crash came between.
func (v *verification) mayLag(i int64) bool {
	n := len(v.segments)
	return n > 0 && i >= v.segments[n-1].first
}

// full compares the root of a full subtree with the files. They follow from the events, but proofs are made from them.
func (v *verification) full(level int, root tlog.Hash) {
	if level == 0 || level%height > 0 || v.running && v.tree.n >= v.truth {
		return
	}
	n := v.tree.n >> level // the tree grows after this
	h, err := v.hashes.read(level/height, n, 1)
	if err != nil && v.mayLag((n+1)<<level-1) {
		return
	}
	if err != nil || h[0] != root {
		v.report.find(Hashes, n<<level, (n+1)<<level, "", "the hash of all of them together is not in the files of hashes")
	}
}

// group judges a checkpoint in the log.
func (v *verification) group(x line) {
	raw, err := noteOf(x.text)
	var c Checkpoint
	if err == nil {
		c, err = OpenCheckpoint(raw, v.Verifier)
	}
	if err != nil {
		if !x.whole {
			v.torn = true
			return
		}
		v.report.find(Unsigned, v.last, v.sequence.next, "", fmt.Sprintf("what stands behind them is no checkpoint of this log: %v", err))
		return
	}
	v.report.Groups++
	v.sequence.flush(v.accept)
	switch {
	case c.Size < v.last:
		v.report.find(Unsigned, c.Size, v.last, "", "an old checkpoint stands behind newer ones")
		return
	case v.sequence.next > c.Size:
		v.report.find(Inserted, c.Size, v.sequence.next, "", fmt.Sprintf("they stand before a checkpoint that was signed over %d events", c.Size))
	case v.sequence.next < c.Size:
		v.sequence.missing(c.Size, v.accept)
	}
	if !v.broken && v.tree.n == c.Size && v.tree.root() != c.Root {
		v.report.find(Changed, v.last, c.Size, "", "one or more of them are not what the checkpoint behind them signed")
		v.broken = true
	}
	v.last, v.behind = c.Size, 0
}

// compare holds the log against what was told elsewhere.
func (v *verification) compare() {
	v.report.Size = v.size
	if v.size == v.tree.n && !v.broken {
		v.report.Root = v.tree.root().String()
	} else if root, err := tlog.TreeHash(v.size, v.hashes); err == nil {
		v.report.Root = root.String()
	}
	for _, t := range v.told {
		if t.Size > v.last {
			v.report.find(Truncated, v.last, t.Size, "", fmt.Sprintf("the checkpoint of %s was signed over %d events, the log has %d", t.from, t.Size, v.last))
			continue
		}
		if t.Size <= v.truth {
			root, err := tlog.TreeHash(t.Size, v.hashes)
			if err != nil || root != t.Root {
				v.report.find(Forked, 0, t.Size, "", "what the checkpoint of "+t.from+" signed is not this log")
			}
		}
	}
	if v.Own {
		v.report.note("nobody but the folder itself vouches for the key: name the key ring, or the key")
	}
	if v.running {
		v.report.note("a gateway is writing the log: what came after the last checkpoint was not looked at")
	} else if v.behind > 0 || v.torn {
		v.report.note("%d events, and what a crash may have torn, stand behind the last checkpoint: the gateway cuts that off when it starts", v.behind)
	}
	if v.report.Lost > 0 {
		v.report.note("%d events found no place in the log, by its own account: see audit.lost", v.report.Lost)
	}
}
