package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// MaxBundle is the most bytes that a bundle has as it is sent; unpacked the bounds of a policy hold.
const MaxBundle = 128 << 20

// unpack reads a bundle's archive into memory, by clean names. What a bundle can't hold is an error, not left out: a link, a name that
// leads elsewhere, one file twice (of which two readers may each take another).
func unpack(raw []byte) (map[string][]byte, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("unpacking the bundle: it is no .tar.gz: %w", err)
	}
	// What all files may have, and tar's headers, and one byte more.
	bounded := &io.LimitedReader{R: zipped, N: engine.MaxTotal + 2048*engine.MaxFiles + 1}
	files, err := entries(tar.NewReader(bounded))
	if err == nil {
		// To the end, so that gzip's checksum has been seen: a bundle that was cut off is not taken for a shorter one.
		_, err = io.Copy(io.Discard, bounded)
	}
	if bounded.N == 0 {
		err = errLarge
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking the bundle: %w", err)
	}
	return files, nil
}

var errLarge = fmt.Errorf("it has more than %d MiB", engine.MaxTotal>>20)

func entries(archive *tar.Reader) (map[string][]byte, error) {
	files, total := map[string][]byte{}, 0
	for n := 0; ; n++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err == nil && n == engine.MaxFiles {
			err = fmt.Errorf("it has more than %d files", engine.MaxFiles)
		}
		if err != nil {
			return nil, err
		}
		content, name, err := entry(archive, header)
		if err != nil {
			return nil, err
		}
		if name == "" {
			continue // a folder
		}
		if _, twice := files[name]; twice {
			return nil, fmt.Errorf("%q is in it twice", name)
		}
		if total += len(content); total > engine.MaxTotal {
			return nil, errLarge
		}
		files[name] = content
	}
}

// entry reads one file of an archive. name is empty for a folder.
func entry(r io.Reader, h *tar.Header) (content []byte, name string, err error) {
	if h.Typeflag == tar.TypeDir {
		return nil, "", nil
	}
	if h.Typeflag != tar.TypeReg {
		return nil, "", fmt.Errorf("%q is no regular file", h.Name)
	}
	if name, err = cleanName(h.Name); err != nil {
		return nil, "", err
	}
	content, err = io.ReadAll(io.LimitReader(r, engine.MaxFile+1))
	if err == nil && len(content) > engine.MaxFile {
		err = fmt.Errorf("%q is larger than %d MiB", name, engine.MaxFile>>20)
	}
	return content, name, err
}

// cleanName is a file's name as OPA's tools write it ("/gateway/a.rego", "./a.rego", "a.rego") without its beginning.
func cleanName(name string) (string, error) {
	clean, dotted := strings.CutPrefix(name, "./")
	if !dotted {
		clean = strings.TrimPrefix(name, "/")
	}
	if clean == "" || clean != path.Clean(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(clean, "\\\x00") || len(clean) > 1024 {
		return "", fmt.Errorf("%q is no name that a bundle may hold", name)
	}
	return clean, nil
}

// pack writes an archive, the same bytes for the same files.
func pack(w io.Writer, files map[string][]byte) error {
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "/" + name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0)}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("packing the bundle: %w", err)
		}
		if _, err := archive.Write(files[name]); err != nil {
			return fmt.Errorf("packing the bundle: %w", err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("packing the bundle: %w", err)
	}
	return nil
}
