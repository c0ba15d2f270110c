package auditlog

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// A tampering alters a log, and says which events it touched: those from from to to, or none that can be named.
type tampering struct {
	name string
	do   func(t *testing.T, r *rand.Rand, f *forger) (from, to int64)
}

// forger alters the files of a log that is closed.
type forger struct {
	dir   string
	lines [][]byte // of all segments
	of    []int    // the segment of each line
	paths []string
}

func newForger(t *testing.T, dir string) *forger {
	t.Helper()
	all, err := segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{dir: dir}
	for i, s := range all {
		f.paths = append(f.paths, s.path)
		raw, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range bytes.SplitAfter(raw, []byte("\n")) {
			if len(l) > 0 {
				f.lines, f.of = append(f.lines, l), append(f.of, i)
			}
		}
	}
	return f
}

func (f *forger) write(t *testing.T) {
	t.Helper()
	for i, path := range f.paths {
		var b bytes.Buffer
		for k, l := range f.lines {
			if f.of[k] == i {
				b.Write(l)
			}
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// event picks an event: its place among the lines, and its index.
func (f *forger) event(r *rand.Rand) (place int, index int64) {
	for {
		place = r.IntN(len(f.lines))
		if i, ok := indexOf(f.lines[place]); ok {
			return place, i
		}
	}
}

func (f *forger) put(place int, l []byte) {
	f.lines = slices.Insert(f.lines, place, l)
	f.of = slices.Insert(f.of, place, f.of[min(place, len(f.of)-1)])
}

func (f *forger) cut(from, to int) {
	f.lines, f.of = slices.Delete(f.lines, from, to), slices.Delete(f.of, from, to)
}

// changed is the line with one of its bytes changed.
func changed(r *rand.Rand, l []byte) []byte {
	l = bytes.Clone(l)
	at := r.IntN(len(l) - 1) // not its end
	for b := byte(r.IntN(256)); ; b++ {
		if b != l[at] && b != '\n' {
			l[at] = b
			return l
		}
	}
}

// hash writes the hash of what stands at an index into the files of hashes, as somebody would who knows how they are made.
func (f *forger) hash(t *testing.T, index int64, l []byte) {
	t.Helper()
	h := newEncoder("", nil).hash(bytes.TrimSuffix(l, []byte("\n")))
	file, err := os.OpenFile(filepath.Join(f.dir, "hashes", "0"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(h[:], index*int64(len(h))); err != nil {
		t.Fatal(err)
	}
}

func tamperings() []tampering {
	return []tampering{
		{"a byte of an event is changed", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			f.lines[p] = changed(r, f.lines[p])
			return i, i + 1
		}},
		{"an event is changed, and its hash with it", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			f.lines[p] = bytes.Replace(f.lines[p], []byte(`"event.outcome":"success"`), []byte(`"event.outcome":"failure"`), 1)
			f.hash(t, i, f.lines[p])
			return i, i + 1
		}},
		{"events are removed", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			end := p + 1
			for end < len(f.lines) && end < p+1+r.IntN(4) && !bytes.HasPrefix(f.lines[end], []byte(groupHead)) {
				end++
			}
			f.cut(p, end)
			return i, i + int64(end-p)
		}},
		{"an event is there twice", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			to, _ := f.event(r)
			f.put(to, f.lines[p])
			return i, i + 1
		}},
		{"an event is made up", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			made := bytes.Replace(f.lines[p], []byte(`"http.request.method":"GET"`), []byte(`"http.request.method":"PUT"`), 1)
			f.put(p, made)
			return i, i + 1
		}},
		{"two events change places", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			q, k := f.event(r)
			for k == i {
				q, k = f.event(r)
			}
			f.lines[p], f.lines[q] = f.lines[q], f.lines[p]
			return min(i, k), max(i, k) + 1
		}},
		{"two events change indexes, too", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			q, k := f.event(r)
			for k == i {
				q, k = f.event(r)
			}
			as := func(l []byte, from, to int64) []byte {
				return bytes.Replace(l, fmt.Appendf(nil, "%s%d,", leafHead, from), fmt.Appendf(nil, "%s%d,", leafHead, to), 1)
			}
			f.lines[p], f.lines[q] = as(f.lines[q], k, i), as(f.lines[p], i, k)
			return min(i, k), max(i, k) + 1
		}},
		{"the end is cut off", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			f.cut(p, len(f.lines))
			return i, i + 1
		}},
		{"the end is cut off, and the hashes with it", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			p, i := f.event(r)
			f.cut(p, len(f.lines))
			if err := os.Truncate(filepath.Join(f.dir, "hashes", "0"), i*32); err != nil {
				t.Fatal(err)
			}
			return i, i + 1
		}},
		{"a checkpoint is changed", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			for {
				p := r.IntN(len(f.lines))
				if _, ok := indexOf(f.lines[p]); !ok {
					f.lines[p] = changed(r, f.lines[p])
					return -1, -1
				}
			}
		}},
		{"a hash is changed", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			_, i := f.event(r)
			f.hash(t, i, []byte("something else"))
			return i, i + 1
		}},
		{"a segment is removed", func(t *testing.T, r *rand.Rand, f *forger) (int64, int64) {
			s := r.IntN(len(f.paths))
			from, to := int64(-1), int64(-1)
			for k, l := range f.lines {
				if i, ok := indexOf(l); ok && f.of[k] == s {
					from, to = cmp.Or(max(from, 0), i), i+1
				}
			}
			if err := os.Remove(f.paths[s]); err != nil {
				t.Fatal(err)
			}
			for k := len(f.lines) - 1; k >= 0; k-- {
				if f.of[k] == s {
					f.cut(k, k+1)
				}
			}
			f.paths = slices.Delete(f.paths, s, s+1)
			for k := range f.of {
				if f.of[k] > s {
					f.of[k]--
				}
			}
			return from, to
		}},
	}
}

// Whoever alters the files of a log, in whatever way, is found out, and what they altered is named.
func TestEveryTamperingIsFound(t *testing.T) {
	h := newLite(t)
	o := h.options()
	o.Segment = 24 << 10
	l := h.open(o)
	h.emit(l, 300, 7)
	h.close(l)
	head, err := Head(ctx, h.db, l.Origin())
	if err != nil || head == "" {
		t.Fatal(head, err)
	}
	f, err := OpenFolder(h.audit(), h.ring, "")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Verify(f, Told{"the database", head})
	if err != nil || len(whole.Findings) > 0 || whole.Size < 300 || whole.Root == "" {
		t.Fatalf("%+v %v", whole, err)
	}
	all, err := segments(h.audit())
	if err != nil || len(all) < 3 {
		t.Fatal("the log has too few segments:", len(all), err)
	}
	count := 36
	if os.Getenv("GW_CAMPAIGN") != "" {
		count = 10_000
	}
	seed := uint64(time.Now().UnixNano())
	r, kinds := rand.New(rand.NewPCG(seed, 1)), tamperings()
	found, copied := 0, t.TempDir()
	for n := range count {
		k := kinds[n%len(kinds)]
		dir := filepath.Join(copied, strconv.Itoa(n))
		if err := os.CopyFS(dir, os.DirFS(h.audit())); err != nil {
			t.Fatal(err)
		}
		forged := newForger(t, dir)
		from, to := k.do(t, r, forged)
		forged.write(t)
		broken := *f
		broken.Dir = dir
		report, err := Verify(&broken, Told{"the database", head})
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, k.name, err)
		}
		if !names(report, from, to) {
			t.Errorf("seed %d: %s (events %d to %d) is not found, but %v", seed, k.name, from, to-1, report.Findings)
		} else {
			found++
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d tamperings were found (seed %d)", found, count, seed)
}

// names tells whether a finding is about the events.
func names(r *Report, from, to int64) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return from < 0 || f.From < to && f.To > from || f.From == from && f.Kind == Inserted
	})
}
