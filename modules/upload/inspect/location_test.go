package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// place is what must not be left of a position, in whatever it is written.
const place = "PLACE-OF-THE-PICTURE"

// exifWith is Exif with an orientation, an Exif directory, and GPS data whose values hold the place.
func exifWith(order binary.AppendByteOrder) string {
	mark := "II"
	if order.AppendUint16(nil, 1)[0] == 0 {
		mark = "MM"
	}
	b := append([]byte(mark), order.AppendUint16(nil, 42)...)
	b = order.AppendUint32(b, 8)
	entry := func(id, kind uint16, count, value uint32) {
		b = order.AppendUint16(b, id)
		b = order.AppendUint16(b, kind)
		b = order.AppendUint32(b, count)
		if kind == 3 {
			b = order.AppendUint16(order.AppendUint16(b, uint16(value)), 0)
			return
		}
		b = order.AppendUint32(b, value)
	}
	n := uint32(len(place))
	b = order.AppendUint16(b, 5) // at 8; the directory ends at 8+2+60+4 = 74
	entry(274, 3, 1, 6)
	entry(700, 1, n, 200)
	entry(33723, 7, n, 200+n)
	entry(34665, 4, 1, 110)
	entry(34853, 4, 1, 80)
	b = order.AppendUint32(b, 0)
	for len(b) < 80 {
		b = append(b, 0)
	}
	b = order.AppendUint16(b, 2) // GPS at 80, to 80+2+24+4 = 110
	entry(29, 2, n, 200+2*n)
	entry(27, 7, n, 200+3*n)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint16(b, 1) // Exif at 110
	entry(0x9000, 7, 4, 0x30323332)
	b = order.AppendUint32(b, 0)
	for len(b) < 200 {
		b = append(b, 0)
	}
	return string(b) + strings.Repeat(place, 4)
}

// located is a file of each kind that says where it was made, in each of the ways that cameras have.
func located(t testing.TB) map[string]string {
	exif := exifWith(binary.LittleEndian)
	box := func(kind, s string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)+8))) + kind + s
	}
	full := "\x00\x00\x00\x00"
	item := "\x00\x00\x00\x06Exif\x00\x00" + exif
	start := box("ftyp", "heic\x00\x00\x00\x00mif1heic")
	meta := func(at int) string {
		loc := "\x01\x00\x00\x00\x44\x00\x00\x02" + "\x00\x01\x00\x00\x00\x00\x00\x01" + string(be4(at)) + string(be4(len(item))) + "\x00\x02\x00\x00\x00\x00\x00\x01" + string(be4(at+len(item))) + string(be4(len(place)))
		return box("meta", full+box("iinf", full+"\x00\x02"+box("infe", "\x02\x00\x00\x00\x00\x01\x00\x00Exif\x00")+box("infe", "\x02\x00\x00\x00\x00\x02\x00\x00mime\x00application/rdf+xml\x00"))+box("iloc", loc)+box("iprp", box("ipco", box("ispe", full+"\x00\x00\x00\x08\x00\x00\x00\x06"))))
	}
	heic := start + meta(len(start)+len(meta(0))+8) + box("mdat", item+place+"pixels")
	return map[string]string{
		typeJPEG:          jpegWith(t, 0xe1, "Exif\x00\x00"+exif)[:2] + strings.Join([]string{segment(0xe1, "Exif\x00\x00"+exif), segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+place), segment(0xe1, "http://ns.adobe.com/xmp/extension/\x00"+place), segment(0xed, "Photoshop 3.0\x00"+place)}, "") + jpegFile(t)[2:] + jpegWith(t, 0xe1, "Exif\x00\x00"+exifWith(binary.BigEndian)) + "\x00\x00\x00\x18ftypmp42" + place,
		typePNG:           pngWith(t, pngChunk("eXIf", exif), pngChunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+place), pngChunk("tEXt", "Raw profile type exif\x00"+place), pngChunk("tEXt", "Location\x00"+place)) + place,
		typeWebP:          webpFile(webpChunkOf("VP8X", "\x0c\x00\x00\x00\x07\x00\x00\x05\x00\x00"), webpChunkOf("EXIF", exif), webpChunkOf("XMP ", place)),
		typeTIFF:          exif,
		"image/heic":      heic,
		"video/mp4":       box("ftyp", "mp42\x00\x00\x00\x00mp42isom") + box("moov", box("mvhd", strings.Repeat("\x00", 100))+box("udta", box("\xa9xyz", place))+box("meta", place)+box("trak", box("udta", place))) + box("uuid", uuidXMP+place) + box("mdat", "frames"),
		"video/quicktime": box("ftyp", "qt  \x00\x00\x00\x00qt  ") + box("moov", "\x00\x00\x00\x01udta\x00\x00\x00\x00\x00\x00\x00\x24"+place),
	}
}

func segment(marker byte, body string) string {
	return string([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}) + body
}

func be4(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// strip is the file without its place.
func strip(t testing.TB, kind, content string) string {
	t.Helper()
	f := File{Content: strings.NewReader(content), Size: int64(len(content))}
	patches, err := Location(context.Background(), f, kind)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	b, err := io.ReadAll(io.NewSectionReader(Patched(f.Content, patches), 0, f.Size))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLocationIsTakenOut(t *testing.T) {
	for kind, content := range located(t) {
		if got, found := check(t, Limits{}, "", "", content); kind != typeTIFF && (got != kind || strings.Contains(rules(found), string(Malformed))) {
			t.Fatalf("%s: the test's file is %s, %s", kind, got, rules(found))
		}
		if !strings.Contains(content, place) {
			t.Fatalf("%s: the test's file has no place", kind)
		}
		after := strip(t, kind, content)
		if i := strings.Index(after, "PLACE"); i >= 0 || len(after) != len(content) {
			t.Errorf("%s: the place stands at %d, %d bytes of %d", kind, i, len(after), len(content))
		}
		if again := strip(t, kind, after); again != after {
			t.Errorf("%s: taken out twice it is another file", kind)
		}
		if got, found := check(t, Limits{}, "", "", after); kind != typeTIFF && (got != kind || strings.Contains(rules(found), string(Malformed))) {
			t.Errorf("%s: then it is %s, %s", kind, got, rules(found))
		}
	}
}

func TestPictureStaysAsItIs(t *testing.T) {
	all := located(t)
	for kind, decode := range map[string]func(io.Reader) (image.Image, error){typeJPEG: jpeg.Decode, typePNG: png.Decode} {
		before, err := decode(strings.NewReader(all[kind]))
		must(t, err)
		after, err := decode(strings.NewReader(strip(t, kind, all[kind])))
		if err != nil {
			t.Fatalf("%s: %v", kind, err) // Go's PNG decoder checks the sums
		}
		for y := range 6 {
			for x := range 8 {
				if before.At(x, y) != after.At(x, y) {
					t.Fatalf("%s: another pixel at %d, %d", kind, x, y)
				}
			}
		}
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		after := strip(t, typeTIFF, exifWith(order))
		f, err := openTIFF(func(off int64, n int) ([]byte, error) { return []byte(after[off : off+int64(n)]), nil })
		must(t, err)
		tags, next, err := f.directory(f.first)
		if err != nil || len(tags) != 2 || tags[0].id != 274 || tags[1].id != tagExif || next != 0 {
			t.Fatalf("%v: %+v, %d, %v", order, tags, next, err)
		}
		if v, err := f.number(tags[0], 0); err != nil || v != 6 {
			t.Errorf("%v: orientation %d, %v", order, v, err)
		}
	}
	if got := strip(t, typePNG, pngFile(t)); got != pngFile(t) {
		t.Error("a PNG without a place has changed")
	}
}

// Who promised to take the place out must not pass on what it can't be taken out of.
func TestLocationThatCantBeTakenOut(t *testing.T) {
	all := located(t)
	for what, c := range map[string][2]string{"JPEG XL": {"image/jxl", "\xff\x0a"}, "Matroska": {"video/webm", "\x1a\x45\xdf\xa3"}, "JPEG cut": {typeJPEG, all[typeJPEG][:500]}, "PNG cut": {typePNG, all[typePNG][:200]},
		"WebP cut": {typeWebP, all[typeWebP][:60]}, "TIFF cut": {typeTIFF, all[typeTIFF][:90]}, "HEIC cut": {"image/heic", all["image/heic"][:200]}, "MP4 cut": {"video/mp4", all["video/mp4"][:100]}, "none": {typeJPEG, ""}} {
		if _, err := Location(context.Background(), File{Content: strings.NewReader(c[1]), Size: int64(len(c[1]))}, c[0]); !errors.Is(err, ErrLocation) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Exif that can't be read goes whole.
	broken := "Exif\x00\x00II*\x00\xff\xff\xff\xff" + place
	if after := strip(t, typeJPEG, jpegWith(t, 0xe1, broken)); strings.Contains(after, place) {
		t.Error("a place is left in broken Exif")
	}
	for _, kind := range []string{typeText, typePDF, typeGIF, typeSVG} {
		if p, err := Location(context.Background(), File{Content: strings.NewReader(place), Size: int64(len(place))}, kind); err != nil || len(p) > 0 {
			t.Errorf("%s: %v, %v", kind, p, err)
		}
	}
	for kind, content := range all {
		_, err := Location(context.Background(), File{Content: &brokenAt{strings.NewReader(content), 30}, Size: int64(len(content))}, kind)
		if !errors.Is(err, errDisk) {
			t.Errorf("%s on a broken disk: %v", kind, err)
		}
	}
}

func TestPatchedReadsAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	content := []byte(strings.Repeat("0123456789", 20))
	want := bytes.Clone(content)
	var patches []Patch
	for range 12 {
		off := r.IntN(len(content))
		n := r.IntN(len(content) - off)
		data := []byte(strings.Repeat("x", r.IntN(n+1)))
		patches = append(patches, Patch{int64(off), int64(n), data})
		clear(want[off : off+n])
		copy(want[off:], data)
	}
	p := Patched(bytes.NewReader(content), patches)
	for range 1000 {
		off := r.IntN(len(content))
		b := make([]byte, r.IntN(len(content)-off))
		if n, err := p.ReadAt(b, int64(off)); n != len(b) || err != nil || !bytes.Equal(b, want[off:off+n]) {
			t.Fatalf("at %d, %d bytes: %q, %v", off, len(b), b[:n], err)
		}
	}
}

// Nothing that a file says makes patches outside of it, or a file of another length.
func FuzzLocation(f *testing.F) {
	kinds := []string{typeJPEG, typePNG, typeWebP, typeTIFF, "image/heic", "video/mp4"}
	all := located(f)
	for i, kind := range kinds {
		f.Add(i, all[kind])
	}
	f.Fuzz(func(t *testing.T, i int, content string) {
		file := File{Content: strings.NewReader(content), Size: int64(len(content))}
		patches, err := Location(context.Background(), file, kinds[uint(i)%uint(len(kinds))])
		if err != nil {
			if !errors.Is(err, ErrLocation) {
				t.Fatal(err)
			}
			return
		}
		for _, p := range patches {
			if p.Off < 0 || p.Len < 0 || p.Off+p.Len > file.Size || int64(len(p.Data)) > p.Len {
				t.Fatalf("%+v of %d bytes", p, file.Size)
			}
		}
	})
}
