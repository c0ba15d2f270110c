package stream

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// sizes are those at which something may go wrong: around the ends of segments.
func sizes() []int {
	first, next := Segment-tagSize-ownHead-tinkHead, Segment-tagSize
	s := []int{0, 1, 15, 16, 17}
	for _, n := range []int{first, first + next, first + 2*next, Segment} {
		s = append(s, n-1, n, n+1)
	}
	return s
}

func TestWhatIsSealedOpensAndHasTheLengthThatWasTold(t *testing.T) {
	for _, n := range sizes() {
		plain := bytesOf(n)
		b := sealed(t, plain)
		if got := SealedSize(int64(n)); got != int64(len(b)) {
			t.Errorf("%d bytes: %d were told, they are %d", n, got, len(b))
		}
		if got, ok := PlainSize(int64(len(b))); got != int64(n) || !ok {
			t.Errorf("%d bytes: %d %v", n, got, ok)
		}
		for _, step := range []int{1 << 20, Segment, 1000, 1} {
			if step == 1 && n > Segment {
				continue
			}
			got, err := opened(b, step, testPlace)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes by %d: %d, %v", n, step, len(got), err)
			}
		}
	}
}

// The format is Tink's, both ways.
func TestTinkReadsAndWritesTheSame(t *testing.T) {
	for _, n := range sizes() {
		plain := bytesOf(n)
		ours := sealed(t, plain)
		r, err := tink(t, ownHead).NewDecryptingReader(bytes.NewReader(ours[ownHead:]), testPlace.aad())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: Tink reads %d, %v", n, len(got), err)
		}
		theirs := bytes.NewBuffer(slices.Clone(ours[:ownHead]))
		w, err := tink(t, ownHead).NewEncryptingWriter(theirs, testPlace.aad())
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(plain)
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := opened(theirs.Bytes(), 5000, testPlace); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: of Tink's we read %d, %v", n, len(got), err)
		}
	}
}

// Each of them gives out nothing but a beginning of what was sealed, in whole segments, and ends with an error.
func TestWhatIsNotWholeFails(t *testing.T) {
	plain := bytesOf(3*Segment + 100)
	good := sealed(t, plain)
	other := sealed(t, bytesOf(3*Segment+100))
	swap := func(i, j int) []byte {
		b := slices.Clone(good)
		copy(b[i*Segment:(i+1)*Segment], good[j*Segment:])
		copy(b[j*Segment:(j+1)*Segment], good[i*Segment:])
		return b
	}
	flip := func(at int) []byte {
		b := slices.Clone(good)
		b[at] ^= 1
		return b
	}
	for name, b := range map[string][]byte{
		"cut at a segment's end":     good[:2*Segment],
		"cut within a segment":       good[:2*Segment+77],
		"cut within the first":       good[:300],
		"cut within the head":        good[:20],
		"its last byte missing":      good[:len(good)-1],
		"a byte too many":            append(slices.Clone(good), 0),
		"another stream after it":    append(slices.Clone(good), other...),
		"two segments swapped":       swap(1, 2),
		"a segment twice":            slices.Concat(good[:2*Segment], good[Segment:]),
		"a segment left out":         slices.Concat(good[:Segment], good[2*Segment:]),
		"a segment of another":       slices.Concat(good[:Segment], other[Segment:2*Segment], good[2*Segment:]),
		"the head of another":        slices.Concat(other[:ownHead+tinkHead], good[ownHead+tinkHead:]),
		"a bit of the salt":          flip(ownHead + 5),
		"a bit of the prefix":        flip(ownHead + tinkHead - 1),
		"a bit of the first segment": flip(500),
		"a bit of the third":         flip(2*Segment + 9),
		"a bit of the last tag":      flip(len(good) - 1),
		"a bit of the version":       flip(ownHead - 1),
		"a bit of the set":           flip(len(magic) + 1),
		"no length of the set":       slices.Concat(good[:len(magic)], []byte{0}, good[len(magic)+1:]),
		"bytes after the set's id":   flip(len(magic) + 10),
		"a huge length of the set":   slices.Concat(good[:len(magic)], []byte{255}, good[len(magic)+1:]),
		"another length of Tink's":   flip(ownHead),
	} {
		for _, step := range []int{1 << 20, 333} {
			got, err := opened(b, step, testPlace)
			if err == nil || !errors.Is(err, ErrBroken) {
				t.Errorf("%s: %v", name, err)
			}
			if !bytes.HasPrefix(plain, got) || len(got) == len(plain) {
				t.Errorf("%s: %d bytes came out", name, len(got))
			}
		}
	}
}

func TestAStreamOpensInItsPlaceAlone(t *testing.T) {
	b := sealed(t, []byte("secret"))
	for name, in := range map[string]Place{
		"another tenant":            {"room/2", "file/1", "body"},
		"another record":            {"room/1", "file/2", "body"},
		"another field":             {"room/1", "file/1", "thumbnail"},
		"the parts run into others": {"room/1f", "ile/1", "body"},
	} {
		if got, err := opened(b, 100, in); !errors.Is(err, ErrBroken) || len(got) > 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWhatIsNoStreamIsToldApart(t *testing.T) {
	for _, b := range []string{"", "GIF89a", "\xf1GWSTRM\x02 another version", "\xf1GX"} {
		if got, err := opened([]byte(b), 3, testPlace); !errors.Is(err, ErrPlain) || len(got) > 0 {
			t.Errorf("%q: %q, %v", b, got, err)
		}
	}
	if !IsSealed(sealed(t, nil)[:MagicSize]) || IsSealed([]byte("\xf1GWSTRM")) {
		t.Error("it can't be told by its beginning")
	}
}

func TestTheKeyAndTheSetMustFit(t *testing.T) {
	for name, f := range map[string]func() error{
		"no set": func() error { _, err := NewSealer(io.Discard, Head{}, testKey, testPlace); return err },
		"a long set": func() error {
			_, err := NewSealer(io.Discard, Head{Set: strings.Repeat("x", 65)}, testKey, testPlace)
			return err
		},
		"a short key": func() error { _, err := NewSealer(io.Discard, testHead, testKey[:16], testPlace); return err },
	} {
		if f() == nil {
			t.Error(name)
		}
	}
}

// FuzzOpen: what a back end stores may be anything. Nothing comes out that was not sealed.
func FuzzOpen(f *testing.F) {
	var good bytes.Buffer
	s, err := NewSealer(&good, testHead, testKey, testPlace)
	if err != nil {
		f.Fatal(err)
	}
	plain := bytesOf(Segment + 100)
	_, err = s.Write(plain)
	if err = errors.Join(err, s.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, 1)
	f.Add([]byte(magic+"\x03k3y"+strings.Repeat("\x00", 61)), 2)
	f.Add(append([]byte(magic+"\x03k3y"+strings.Repeat("\x00", 61)+"\x01\x02\x03\x04\x28"), make([]byte, 100)...), 7)
	f.Add([]byte(magic+"\xff"), 3)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		step = max(1, step&0xffff)
		if got, err := opened(b, step, testPlace); err == nil && !bytes.Equal(b, good.Bytes()) {
			t.Fatalf("%d bytes came out of what was never sealed", len(got))
		}
		changed := slices.Clone(good.Bytes())
		for i, c := range b {
			changed[(i*step)%len(changed)] ^= c
		}
		got, err := opened(changed, step, testPlace)
		if err == nil && !bytes.Equal(changed, good.Bytes()) || !bytes.HasPrefix(plain, got) {
			t.Fatalf("%d bytes of a changed stream, %v", len(got), err)
		}
	})
}

// A client that has come by a stream can't have it stored as if it were its own.
func TestFreshRefusesStreams(t *testing.T) {
	for _, step := range []int{1, 3, 1 << 20} {
		for _, c := range []struct {
			b    []byte
			want error
		}{{sealed(t, []byte("x")), ErrSealed}, {[]byte(magic), ErrSealed}, {[]byte(magic[:5]), nil}, {nil, nil}, {bytesOf(5000), nil}} {
			var out closing
			f := NewFresh(&out)
			var err error
			for b := c.b; len(b) > 0 && err == nil; b = b[min(step, len(b)):] {
				_, err = f.Write(b[:min(step, len(b))])
			}
			if err == nil {
				err = f.Close()
			}
			if !errors.Is(err, c.want) || err == nil && !bytes.Equal(out.Bytes(), c.b) || err != nil && out.Len() > 0 {
				t.Errorf("%d bytes by %d: %v, %d came out", len(c.b), step, err, out.Len())
			}
		}
	}
}

type closing struct{ bytes.Buffer }

func (*closing) Close() error { return nil }
