package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// blob is a part of the layout, named by its digest.
type blob struct {
	digest string // of what is stored
	size   int64
	diff   string // of a layer: the digest of the tar before compression
	file   string // where it lies for now
}

// layer writes the entries as a compressed tar into the folder. Only the entries and at decide its bytes.
func layer(dir string, entries []entry, at time.Time) (b blob, err error) {
	f, err := os.CreateTemp(dir, "layer-*")
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stored, plain := sha256.New(), sha256.New()
	zip := gzip.NewWriter(io.MultiWriter(f, stored))
	w := tar.NewWriter(io.MultiWriter(zip, plain))
	for _, e := range entries {
		if err := add(w, e, at); err != nil {
			return b, fmt.Errorf("%s: %w", e.path, err)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		return b, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	return blob{digest: hexOf(stored.Sum(nil)), diff: hexOf(plain.Sum(nil)), size: size, file: f.Name()}, err
}

func add(w *tar.Writer, e entry, at time.Time) error {
	h := &tar.Header{Name: strings.TrimPrefix(e.path, "/"), ModTime: at, Format: tar.FormatPAX, Typeflag: tar.TypeReg, Mode: int64(e.mode.Perm())}
	if e.owned {
		h.Uid, h.Gid = user, user
	}
	if e.mode&fs.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	if e.mode.IsDir() {
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		return w.WriteHeader(h)
	}
	r, size, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close()
	h.Size = size
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

// open gives what the file holds, and how long it is.
func (e entry) open() (io.ReadCloser, int64, error) {
	if e.from == "" {
		return io.NopCloser(strings.NewReader(e.text)), int64(len(e.text)), nil
	}
	f, err := os.Open(e.from)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// writeTree lays the entries below the folder, all owned by who runs it.
func writeTree(dir string, entries []entry) error {
	for _, e := range entries {
		path := filepath.Join(dir, e.path)
		if e.mode.IsDir() {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
		} else if err := copyTo(path, e); err != nil {
			return err
		}
		if err := os.Chmod(path, e.mode&(fs.ModePerm|fs.ModeSticky)); err != nil {
			return err
		}
	}
	return nil
}

func copyTo(path string, e entry) (err error) {
	r, _, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

func hexOf(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
