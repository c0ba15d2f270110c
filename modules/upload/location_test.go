package upload

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// photo is a JPEG with Exif that says where it was made: the reference of the latitude is in the IFD of GPS, the place is in it in letters.
func photo(t testing.TB, place string) string {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	entry := func(b []byte, tag, kind uint16, count, value uint32) []byte {
		return le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(b, tag), kind), count), value)
	}
	tiff := []byte("II*\x00\x08\x00\x00\x00")
	tiff = le.AppendUint16(tiff, 1)
	tiff = entry(tiff, 0x8825, 4, 1, 26) // the IFD of GPS
	tiff = le.AppendUint32(tiff, 0)
	tiff = le.AppendUint16(tiff, 1)
	tiff = entry(tiff, 0x1b, 2, uint32(len(place)), 44) // the area's name
	tiff = le.AppendUint32(tiff, 0)
	tiff = append(tiff, place...)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(segment)+2))
	return string(head) + string(segment) + b.String()[2:]
}

func TestWhereAPictureWasMadeIsTakenOut(t *testing.T) {
	const place = "at home, second floor"
	p := photo(t, place)
	if o := do(t, provision(t, new(Handler)), post("image/jpeg", p)); !o.reached || o.body != p {
		t.Errorf("it is changed though nobody asked: %v", o.findings)
	}
	h := provision(t, &Handler{Rules: Rules{StripLocation: true}})
	kind, form := formOf(t, part{"text", "", "", place}, part{"f", "a.jpg", "image/jpeg", p}, part{"g", "b.jpg", "image/jpeg", p})
	for _, c := range []struct {
		kind, body string
		left       int // places that are no picture's
	}{{"image/jpeg", p, 0}, {kind, form, 1}} {
		r := post(c.kind, c.body)
		for _, name := range digests {
			r.Header.Set(name, "of what was sent")
		}
		o := do(t, h, r)
		for _, name := range digests {
			if r.Header.Get(name) != "" {
				t.Errorf("%s is still of what was sent", name)
			}
		}
		if !o.reached || len(o.body) != len(c.body) || o.length != int64(len(c.body)) {
			t.Errorf("%s: %d %v, %d bytes of %d", c.kind, o.status, o.findings, len(o.body), len(c.body))
		}
		if n := strings.Count(o.body, place); n != c.left {
			t.Errorf("%s: the place is in it %d times, want %d", c.kind, n, c.left)
		}
	}
	if _, err := jpeg.Decode(strings.NewReader(do(t, h, post("image/jpeg", p)).body)); err != nil {
		t.Error(err)
	}
	if o := do(t, h, post("image/png", picture)); o.body != picture {
		t.Error("a picture that says nothing is changed")
	}
}

func TestWhereAPictureInAMessageWasMadeIsTakenOut(t *testing.T) {
	const place = "at home, second floor"
	l := serveSocket(t, provision(t, &Handler{Rules: Rules{StripLocation: true}}))
	l.changes = true
	if got := l.say(t, websocket.MessageBinary, photo(t, place)); got != -1 {
		t.Fatalf("closed with %d", got)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.got) != 1 || strings.Contains(l.got[0], place) || len(l.got[0]) != len(photo(t, place)) {
		t.Errorf("%d messages, %q", len(l.got), l.got)
	}
}
