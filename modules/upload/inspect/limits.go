package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Limits of what is accepted. A field that is 0 has its default.
type Limits struct {
	Types  []string // that may be uploaded, as image/png or image/*; none: all
	Opaque []string // types of archives that may pass though they can't be looked into, as application/x-7z-compressed

	Pixels    int64 // of one image, default 100 million
	Side      int64 // of an image, default 32,768
	Frames    int   // of an animation, pages of a TIFF, default 1,000
	AllPixels int64 // of all frames together, default 2 billion

	Depth   int   // archives within archives, the outermost being 1, default 3
	Entries int   // of all levels together, default 10,000
	Bytes   int64 // unpacked, of all levels together, beside as many as the file has; default 1 GiB; of bzip2 a quarter
	Ratio   int64 // unpacked bytes for one of the file, default 200; what unpacks to 16 MiB at most may have any

	Markup int64 // bytes of SVG or XML that are read, default 8 MiB

	// Spool makes room for what must be unpacked to be read; default: TempSpool of the system's temporary directory. What goes to all
	// spools of a file together is bounded by Bytes. The context is Check's.
	Spool func(context.Context) (Spool, error)
}

// freeRatio is what may be unpacked before the ratio counts: logs and tables compress well.
const freeRatio = 16 << 20

func (l Limits) filled() Limits {
	def(&l.Pixels, 100_000_000)
	def(&l.Side, 32_768)
	def(&l.Frames, 1000)
	def(&l.AllPixels, 2_000_000_000)
	def(&l.Depth, 3)
	def(&l.Entries, 10_000)
	def(&l.Bytes, 1<<30)
	def(&l.Ratio, 200)
	def(&l.Markup, 8<<20)
	if l.Spool == nil {
		l.Spool = TempSpool("")
	}
	return l
}

func def[T int | int64](p *T, value T) {
	if *p == 0 {
		*p = value
	}
}

// Validate says what is impossible.
func (l Limits) Validate() error {
	for name, n := range map[string]int64{"pixels": l.Pixels, "side": l.Side, "frames": int64(l.Frames), "all pixels": l.AllPixels, "depth": int64(l.Depth),
		"entries": int64(l.Entries), "bytes": l.Bytes, "ratio": l.Ratio, "markup": l.Markup} {
		if n < 0 {
			return fmt.Errorf("the limit of %s is negative", name)
		}
	}
	if l.Depth > 16 {
		return errors.New("archives may be looked into at most 16 deep")
	}
	for _, t := range append(append([]string(nil), l.Types...), l.Opaque...) {
		major, minor, ok := strings.Cut(t, "/")
		if !ok || major == "" || minor == "" || strings.ToLower(t) != t || strings.ContainsAny(t, "; \t") {
			return fmt.Errorf("%q is no type: write it in lower case, as image/png or image/*", t)
		}
	}
	return nil
}

// names tells whether a list has a type.
func names(list []string, kind string) bool {
	for _, t := range list {
		if major, all := strings.CutSuffix(t, "/*"); t == kind || all && strings.HasPrefix(kind, major+"/") {
			return true
		}
	}
	return false
}
