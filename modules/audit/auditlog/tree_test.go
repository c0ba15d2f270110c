package auditlog

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The tree is that of tlog, which is RFC 6962's, at every size, and so is each state that the files of hashes give back.
func TestTreeIsThatOfRFC6962(t *testing.T) {
	dir := t.TempDir()
	ours := tree{hashes: hashes{dir: dir, write: true}}
	defer ours.hashes.close()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		all := make([]tlog.Hash, len(at))
		for i, x := range at {
			all[i] = stored[x]
		}
		return all, nil
	})
	e := newEncoder("log", nil)
	var roots []tlog.Hash
	for n := range int64(70_000) {
		leaf := fmt.Appendf(nil, "event %d", n)
		more, err := tlog.StoredHashes(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		if h := e.hash(leaf); h != more[0] {
			t.Fatal("the hash of a leaf is another")
		} else {
			ours.add(h)
		}
		if n%997 == 0 {
			if err := ours.flush(); err != nil {
				t.Fatal(err)
			}
		}
		if n < 600 || n%1009 == 0 {
			want, err := tlog.TreeHash(n+1, reader)
			if err != nil {
				t.Fatal(err)
			}
			if ours.root() != want {
				t.Fatalf("at %d events the root is another", n+1)
			}
			roots = append(roots, want)
		}
	}
	if err := ours.flush(); err != nil {
		t.Fatal(err)
	}
	i := 0
	for n := range int64(70_000) {
		if n < 600 || n%1009 == 0 {
			p, err := ours.hashes.peaksAt(n + 1)
			if err != nil || p.root() != roots[i] {
				t.Fatal(n, err)
			}
			if root, err := tlog.TreeHash(n+1, &ours.hashes); err != nil || root != roots[i] {
				t.Fatal(n, err)
			}
			i++
		}
	}
}

// What a failed write has left is written over.
func TestTreeGoesBack(t *testing.T) {
	ours := tree{hashes: hashes{dir: t.TempDir(), write: true}}
	defer ours.hashes.close()
	e := newEncoder("log", nil)
	for i := range 1000 {
		ours.add(e.hash(fmt.Append(nil, i)))
	}
	want, mark := ours.root(), ours.mark()
	for i := range 777 {
		ours.add(e.hash(fmt.Append(nil, "x", i)))
	}
	ours.back(mark)
	if ours.root() != want || ours.n != 1000 {
		t.Fatal("it did not go back")
	}
	if err := ours.flush(); err != nil {
		t.Fatal(err)
	}
	if root, err := tlog.TreeHash(1000, &ours.hashes); err != nil || root != want {
		t.Fatal(err)
	}
}
