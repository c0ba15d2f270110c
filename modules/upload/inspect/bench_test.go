package inspect

import (
	"context"
	"image"
	"image/jpeg"
	"runtime"
	"strings"
	"testing"
)

// noise is a JPEG of a few hundred kilobytes.
func noise(b *testing.B) string {
	m, x := image.NewGray(image.Rect(0, 0, 1024, 1024)), uint32(1)
	for i := range m.Pix {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		m.Pix[i] = byte(x)
	}
	var out strings.Builder
	if err := jpeg.Encode(&out, m, nil); err != nil {
		b.Fatal(err)
	}
	return out.String()
}

func BenchmarkCheck(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog 0123456789. ", 20_000)
	for name, content := range map[string]string{"jpeg": noise(b), "text": text, "zip": zipFile(b, "a.txt", text), "docx": docx(b), "svg": svgStart + strings.Repeat(`<rect width="8" height="6"/>`, 30_000) + "</svg>", "pdf": pdfFile + text} {
		b.Run(name, func(b *testing.B) {
			c, err := New(Limits{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Check(context.Background(), File{"", "", int64(len(content)), strings.NewReader(content)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sparse is a file that nobody has: zeros after a head.
type sparse struct{ head string }

// ReadAt implements io.ReaderAt.
func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.head)) {
		copy(p, s.head[off:])
	}
	return len(p), nil
}

const video = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"

// BenchmarkTwoGigabytes is a video that is read whole.
func BenchmarkTwoGigabytes(b *testing.B) {
	c, err := New(Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(2 << 30)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Check(context.Background(), File{"a.mp4", "video/mp4", 2 << 30, sparse{video}}); err != nil {
			b.Fatal(err)
		}
	}
}

// What a look costs in memory does not grow with the file.
func TestMemoryIsConstant(t *testing.T) {
	c, err := New(Limits{})
	must(t, err)
	of := func(size int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, found, err := c.Check(context.Background(), File{"a.mp4", "video/mp4", size, sparse{video}}); err != nil || len(found) > 0 {
			t.Fatalf("%s, %v", rules(found), err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if n := of(256 << 20); n > 2<<20 {
		t.Errorf("256 MiB take %d bytes in all", n)
	}
}
