package inspect

import "io"

// Patch replaces bytes of a file by as many others: Data, then zeros.
type Patch struct {
	Off, Len int64
	Data     []byte
}

// Patched reads a file with patches, the later ones over the earlier.
func Patched(r io.ReaderAt, patches []Patch) io.ReaderAt {
	if len(patches) == 0 {
		return r
	}
	return &patched{r, patches}
}

type patched struct {
	r       io.ReaderAt
	patches []Patch
}

// ReadAt implements io.ReaderAt.
func (f *patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(b, off)
	end := off + int64(n)
	for _, p := range f.patches {
		from, to := max(off, p.Off), min(end, p.Off+p.Len)
		if from >= to {
			continue
		}
		part := b[from-off : to-off]
		clear(part)
		if at := from - p.Off; at < int64(len(p.Data)) {
			copy(part, p.Data[at:])
		}
	}
	return n, err
}
