// Package pack writes archives that hang on nothing but what they hold.
package pack

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// File is one of an archive: Content or, where that is nil, what lies in From.
type File struct {
	Name    string // in the archive, with slashes
	From    string
	Content []byte
	Program bool // may be run
}

// Write writes a compressed tar of one folder: sorted, owned by root, of the given time.
func Write(name, folder string, at time.Time, files []File) (err error) {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(zip)
	if err := fill(w, folder, at, files); err != nil {
		return err
	}
	return errors.Join(w.Close(), zip.Close())
}

func fill(w *tar.Writer, folder string, at time.Time, files []File) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	made := map[string]bool{}
	for i, f := range files {
		if !clean(f.Name) || i > 0 && files[i-1].Name == f.Name {
			return fmt.Errorf("%q can't be the name of a file, or is one already", f.Name)
		}
		full := path.Join(folder, f.Name)
		for _, dir := range parents(full) {
			if made[dir] {
				continue
			}
			made[dir] = true
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: at, Format: tar.FormatPAX}); err != nil {
				return err
			}
		}
		if err := add(w, full, at, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// clean says that a name leads nowhere else.
func clean(name string) bool {
	return name != "" && name != "." && path.Clean(name) == name && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../")
}

// parents are the folders over a name, the outermost first.
func parents(name string) []string {
	var all []string
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		all = append([]string{dir}, all...)
	}
	return all
}

func add(w *tar.Writer, name string, at time.Time, f File) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: at, Format: tar.FormatPAX}
	if f.Program {
		h.Mode = 0o755
	}
	if f.Content != nil {
		h.Size = int64(len(f.Content))
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(f.Content)
		return err
	}
	r, err := os.Open(f.From)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}
