package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

func TestSameFilesAreTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "program")
	if err := os.WriteFile(from, []byte("#!"), 0o700); err != nil {
		t.Fatal(err)
	}
	files := []File{{Name: "program", From: from, Program: true}, {Name: "docs/index.md", Content: []byte("hello")}, {Name: "docs/a/b.md", Content: []byte{}}}
	var all [2][]byte
	for i := range all {
		name := filepath.Join(dir, []string{"one", "two"}[i]+".tar.gz")
		if err := Write(name, "thing_1", at, files); err != nil {
			t.Fatal(err)
		}
		var err error
		if all[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		// Neither the order nor the file's own time and mode make a difference.
		slices.Reverse(files)
		if err := errors.Join(os.Chtimes(from, at.Add(time.Hour), at.Add(time.Hour)), os.Chmod(from, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(all[0], all[1]) {
		t.Error("two archives of the same files differ")
	}
	want := []string{"thing_1/", "thing_1/docs/", "thing_1/docs/a/", "thing_1/docs/a/b.md", "thing_1/docs/index.md", "thing_1/program"}
	if got := names(t, all[0]); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func names(t *testing.T, archive []byte) []string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(at) {
			t.Errorf("%s is of %d:%d %q, %s", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
		if want := h.Name == "thing_1/program"; h.Typeflag == tar.TypeReg && want != (h.Mode == 0o755) {
			t.Errorf("%s has mode %o", h.Name, h.Mode)
		}
		all = append(all, h.Name)
	}
}

func TestNamesThatLeadElsewhere(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a/"} {
		out := filepath.Join(t.TempDir(), "x.tar.gz")
		if err := Write(out, "thing", at, []File{{Name: name, Content: []byte("x")}}); err == nil {
			t.Errorf("%q was taken", name)
		}
		if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: half an archive is left: %v", name, err)
		}
	}
	if err := Write(filepath.Join(t.TempDir(), "x.tar.gz"), "thing", at, []File{{Name: "a", Content: []byte("x")}, {Name: "a", Content: []byte("y")}}); err == nil {
		t.Error("two files of one name were taken")
	}
}
