package wsframe

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 6455 section 5.7.
func TestRFC6455Examples(t *testing.T) {
	tests := []struct {
		name string
		dir  Direction
		wire string
		want []wireFrame
	}{
		{"single-frame unmasked text", Out, "81 05 48 65 6c 6c 6f", []wireFrame{{fin: true, op: opText, payload: []byte("Hello")}}},
		{"single-frame masked text", In, "81 85 37 fa 21 3d 7f 9f 4d 51 58", []wireFrame{{fin: true, op: opText, payload: []byte("Hello")}}},
		{"fragmented unmasked text", Out, "01 03 48 65 6c 80 02 6c 6f", []wireFrame{{fin: true, op: opText, payload: []byte("Hello")}}},
		{"unmasked ping", Out, "89 05 48 65 6c 6c 6f", []wireFrame{{fin: true, op: opPing, payload: []byte("Hello")}}},
		{"masked pong", In, "8a 85 37 fa 21 3d 7f 9f 4d 51 58", []wireFrame{{fin: true, op: opPong, payload: []byte("Hello")}}},
		{"256 bytes binary", Out, "82 7E 0100" + strings.Repeat("ab", 256), []wireFrame{{fin: true, op: opBinary, payload: bytes.Repeat([]byte{0xab}, 256)}}},
		{"64KiB binary", Out, "82 7F 0000000000010000" + strings.Repeat("cd", 65536), []wireFrame{{fin: true, op: opBinary, payload: bytes.Repeat([]byte{0xcd}, 65536)}}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for _, step := range []int{1, 3, 1 << 20} {
				b := newBench(Limits{})
				for wire := unhex(t, tc.wire); len(wire) > 0; {
					n := min(step, len(wire))
					if err := b.half(tc.dir).feed(wire[:n]); err != nil {
						t.Fatal(err)
					}
					wire = wire[n:]
				}
				b.over(t)
				got := decodeAll(t, b.passed(tc.dir))
				if len(got) != len(tc.want) {
					t.Fatalf("got %d frames, want %d", len(got), len(tc.want))
				}
				for i, f := range got {
					w := tc.want[i]
					if f.op != w.op || !f.fin || f.rsv != 0 || f.masked != (tc.dir == In) || !bytes.Equal(f.payload, w.payload) {
						t.Errorf("step %d: frame %d: got %+v", step, i, f)
					}
				}
			}
		})
	}
}

// What RFC 6455 forbids closes with the code it names, passes nothing, and is not shown to hooks.
func TestViolations(t *testing.T) {
	text := func(s string) []byte {
		return encode(wireFrame{fin: true, op: opText, masked: true, payload: []byte(s)})
	}
	frag := func(op byte, fin bool, s string) []byte {
		return encode(wireFrame{fin: fin, op: op, masked: true, payload: []byte(s)})
	}
	long := func(head string, n int) []byte { return append(unhex(t, head), make([]byte, n)...) }
	tests := []struct {
		name string
		wire []byte
		code int
	}{
		{"unmasked", encode(wireFrame{fin: true, op: opText, payload: []byte("x")}), 1002},
		{"rsv1", encode(wireFrame{fin: true, rsv: 4, op: opText, masked: true}), 1002},
		{"rsv2", encode(wireFrame{fin: true, rsv: 2, op: opText, masked: true}), 1002},
		{"rsv3", encode(wireFrame{fin: true, rsv: 1, op: opText, masked: true}), 1002},
		{"rsv1 on ping", encode(wireFrame{fin: true, rsv: 4, op: opPing, masked: true}), 1002},
		{"opcode 3", encode(wireFrame{fin: true, op: 3, masked: true}), 1002},
		{"opcode 7", encode(wireFrame{fin: true, op: 7, masked: true}), 1002},
		{"opcode 11", encode(wireFrame{fin: true, op: 11, masked: true}), 1002},
		{"opcode 15", encode(wireFrame{fin: true, op: 15, masked: true}), 1002},
		{"ping of 126", encode(wireFrame{fin: true, op: opPing, masked: true, payload: make([]byte, 126)}), 1002},
		{"fragmented ping", encode(wireFrame{op: opPing, masked: true}), 1002},
		{"fragmented close", encode(wireFrame{op: opClose, masked: true}), 1002},
		{"continuation of nothing", frag(opContinuation, true, "x"), 1002},
		{"continuation after an end", append(append(frag(opText, false, "a"), frag(opContinuation, true, "b")...), frag(opContinuation, true, "c")...), 1002},
		{"message within a message", append(frag(opText, false, "a"), text("b")...), 1002},
		{"16-bit length of 125", long("81 fe 007d 00000000", 125), 1002},
		{"64-bit length of 65535", long("82 ff 000000000000ffff 00000000", 65535), 1002},
		{"64-bit length with the top bit", unhex(t, "82 ff 8000000000000000 00000000"), 1002},
		{"announced exabytes", unhex(t, "82 ff 7fffffffffffffff 00000000"), 1009},
		{"announced one too many", unhex(t, "82 ff 0000000000010001 00000000"), 1009},
		{"fragments one too many", append(frag(opBinary, false, strings.Repeat("a", 65535)), frag(opContinuation, true, "bc")...), 1009},
		{"fragments whose sum overflows", append(frag(opBinary, false, "a"), unhex(t, "80 ff 7fffffffffffffff 00000000")...), 1009},
		{"text not UTF-8", text("a\xff"), 1007},
		{"text ends within a rune", text("\xc3"), 1007},
		{"overlong rune", text("\xc0\xaf"), 1007},
		{"surrogate", text("\xed\xa0\x80"), 1007},
		{"fragments not UTF-8", append(frag(opText, false, "\xc3"), frag(opContinuation, true, "x")...), 1007},
		{"close of one byte", frag(opClose, true, "\x03"), 1002},
		{"close 999", frag(opClose, true, "\x03\xe7"), 1002},
		{"close 1004", frag(opClose, true, "\x03\xec"), 1002},
		{"close 1005", frag(opClose, true, "\x03\xed"), 1002},
		{"close 1006", frag(opClose, true, "\x03\xee"), 1002},
		{"close 1015", frag(opClose, true, "\x03\xf7"), 1002},
		{"close 2000", frag(opClose, true, "\x07\xd0"), 1002},
		{"close 5000", frag(opClose, true, "\x13\x88"), 1002},
		{"close reason not UTF-8", frag(opClose, true, "\x03\xe8\xff"), 1007},
		{"too many fragments", append(frag(opText, false, ""), bytes.Repeat(frag(opContinuation, false, ""), 1024)...), 1008},
		{"ping flood", bytes.Repeat(frag(opPing, true, ""), 200), 1008},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(Limits{})
			if err := b.in.feed(append(bytes.Clone(tc.wire), text("after")...)); err != nil {
				t.Fatal(err)
			}
			if !b.closing.Load() {
				t.Fatal("not closing")
			}
			b.over(t)
			told := decodeAll(t, b.client.got.Bytes())
			if len(told) != 1 || closeCode(told) != tc.code {
				t.Errorf("client got %+v, want close %d", told, tc.code)
			}
			if s := b.tap.rc.Socket; s.CloseCode != tc.code || s.CloseReason == "" {
				t.Errorf("recorded %+v, want %d", s, tc.code)
			}
			back := decodeAll(t, b.server.Bytes())
			if closeCode(back) != 1001 || !back[len(back)-1].masked {
				t.Errorf("the back end got %+v, want close 1001", back)
			}
			for _, f := range back {
				if f.op == opText && string(f.payload) != "ab" {
					t.Errorf("passed: %q", f.payload)
				}
			}
			for _, m := range b.seen {
				if string(m.Data) != "ab" {
					t.Errorf("a hook saw %q", m.Data)
				}
			}
		})
	}
}

// A back end that breaks the rules gets the code; the client learns that the answer was invalid.
func TestViolationsOfTheBackEnd(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
		code int
	}{
		{"masked", encode(wireFrame{fin: true, op: opText, masked: true, payload: []byte("x")}), 1002},
		{"rsv1", encode(wireFrame{fin: true, rsv: 4, op: opText}), 1002},
		{"not UTF-8", encode(wireFrame{fin: true, op: opText, payload: []byte("\xff")}), 1007},
		{"too big", unhex(t, "82 7f 0000000000100001"), 1009},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(Limits{})
			if err := b.out.feed(tc.wire); err != nil {
				t.Fatal(err)
			}
			b.over(t)
			if told := decodeAll(t, b.client.got.Bytes()); len(told) != 1 || closeCode(told) != 1011 {
				t.Errorf("client got %+v, want close 1011", told)
			}
			if back := decodeAll(t, b.server.Bytes()); closeCode(back) != tc.code {
				t.Errorf("the back end got %+v, want close %d", back, tc.code)
			}
		})
	}
}

// Close codes that may be on the wire pass with their reasons, and nothing after them.
func TestClosePasses(t *testing.T) {
	for _, payload := range []string{"", "\x03\xe8", "\x03\xe8bye", "\x03\xf5", "\x0b\xb8app", "\x13\x87"} {
		b := newBench(Limits{})
		wire := encode(wireFrame{fin: true, op: opClose, masked: true, payload: []byte(payload)})
		wire = append(wire, encode(wireFrame{fin: true, op: opText, masked: true, payload: []byte("late")})...)
		if err := b.in.feed(append(wire, 0xff, 0xff)); err != nil {
			t.Fatal(err)
		}
		if b.closing.Load() {
			t.Fatalf("%q: refused: %s", payload, b.reason)
		}
		b.over(t)
		got := decodeAll(t, b.server.Bytes())
		if len(got) != 1 || got[0].op != opClose || string(got[0].payload) != payload {
			t.Errorf("%q became %+v", payload, got)
		}
	}
}

// An announced length takes no memory before the bytes have come.
func TestAnnouncedLengthReservesNothing(t *testing.T) {
	b := newBench(Limits{Message: 1 << 30})
	defer b.end()
	if err := b.in.feed(unhex(t, "82 ff 0000000040000000 00000000 01")); err != nil {
		t.Fatal(err)
	}
	if c := cap(b.in.buf.b); c > maxPooled {
		t.Errorf("%d bytes reserved", c)
	}
}

func TestControlFramesAveraged(t *testing.T) {
	b := newBench(Limits{Control: 10})
	defer b.end()
	now := time.Unix(1000, 0)
	for i := range 20 {
		if !b.in.allowControl(now) {
			t.Fatalf("frame %d of the burst refused", i)
		}
	}
	if b.in.allowControl(now) {
		t.Fatal("burst without end")
	}
	for i := range 100 {
		now = now.Add(110 * time.Millisecond)
		if i > 2 && !b.in.allowControl(now) {
			t.Fatalf("frame %d at a lower rate refused", i)
		}
	}
}

func TestHooks(t *testing.T) {
	wire := func(s string) []byte {
		return encode(wireFrame{fin: true, op: opText, masked: true, payload: []byte(s)})
	}
	t.Run("order, replace, drop", func(t *testing.T) {
		var order []string
		b := newBench(Limits{}, func(_ context.Context, m *Message) error {
			order = append(order, "a:"+string(m.Data))
			switch string(m.Data) {
			case "drop":
				return fmt.Errorf("no room: %w", Drop)
			case "shorter":
				m.Data = m.Data[1:4]
			case "other":
				m.Data, m.Binary = []byte(strings.Repeat("z", 70000)), true
			case "empty":
				m.Data = nil
			}
			return nil
		}, func(_ context.Context, m *Message) error {
			order = append(order, "b:"+string(m.Data[:min(len(m.Data), 4)]))
			return nil
		})
		for _, s := range []string{"one", "drop", "shorter", "other", "empty", "last"} {
			if err := b.in.feed(wire(s)); err != nil {
				t.Fatal(err)
			}
		}
		b.over(t)
		got := decodeAll(t, b.server.Bytes())
		want := []wireFrame{
			{op: opText, payload: []byte("one")}, {op: opText, payload: []byte("hor")}, {op: opBinary, payload: []byte(strings.Repeat("z", 70000))},
			{op: opText}, {op: opText, payload: []byte("last")},
		}
		if len(got) != len(want) {
			t.Fatalf("got %d frames", len(got))
		}
		for i := range want {
			if got[i].op != want[i].op || !bytes.Equal(got[i].payload, want[i].payload) {
				t.Errorf("frame %d: op %d %.20q", i, got[i].op, got[i].payload)
			}
		}
		if s := strings.Join(order, " "); s != "a:one b:one a:drop a:shorter b:hor a:other b:zzzz a:empty b: a:last b:last" {
			t.Error(s)
		}
		if s := b.tap.rc.Socket; s.MessagesIn != 5 || s.BytesIn != 3+3+70000+4 || s.CloseCode != 0 {
			t.Errorf("%+v", s)
		}
	})
	for _, tc := range []struct {
		name   string
		hook   Hook
		code   int
		reason string
		failed string
	}{
		{"close", func(context.Context, *Message) error { return &Close{4001, "not here"} }, 4001, "not here", ""},
		{"wrapped close", func(context.Context, *Message) error { return fmt.Errorf("x: %w", &Close{1013, "later"}) }, 1013, "later", ""},
		{"code that may not be sent", func(context.Context, *Message) error { return &Close{1006, "x"} }, 1008, "x", ""},
		{"long reason", func(context.Context, *Message) error { return &Close{1008, strings.Repeat("ä", 100)} }, 1008, strings.Repeat("ä", 61), ""},
		{"error", func(context.Context, *Message) error { return errors.New("secret") }, 1011, "internal error", "secret"},
		{"panic", func(context.Context, *Message) error { panic("secret") }, 1011, "internal error", "panic: secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			later := 0
			b := newBench(Limits{}, tc.hook, func(context.Context, *Message) error { later++; return nil })
			var failed string
			b.tap.OnFailure(func(err error) { failed = err.Error() })
			if err := b.in.feed(append(wire("one"), wire("two")...)); err != nil {
				t.Fatal(err)
			}
			b.over(t)
			told := decodeAll(t, b.client.got.Bytes())
			if closeCode(told) != tc.code || string(told[0].payload[2:]) != tc.reason {
				t.Errorf("client got %+v", told)
			}
			if back := decodeAll(t, b.server.Bytes()); len(back) != 1 || closeCode(back) != 1001 {
				t.Errorf("the back end got %+v", back)
			}
			if later != 0 || len(b.seen) != 1 {
				t.Errorf("after the refusal hooks saw %d and %d", later, len(b.seen))
			}
			if tc.failed == "" != (failed == "") || !strings.Contains(failed, tc.failed) {
				t.Errorf("failure told: %q", failed)
			}
			if b.ctx.Err() == nil {
				t.Error("the hooks' context goes on")
			}
		})
	}
}

// Random messages, cut into random fragments with control frames between, cut into random segments, arrive as they were.
func TestMessagesArriveAsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := Direction(rapid.IntRange(0, 1).Draw(t, "dir"))
		b := newBench(Limits{Control: 1000})
		var wire []byte
		var want []wireFrame
		controls := 0
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 300), rapid.SampledFrom([]int{125, 126, 127, 4096, 65534, 65535})), 1, 8).Draw(t, "sizes")
		for _, size := range sizes {
			op := rapid.SampledFrom([]byte{opText, opBinary}).Draw(t, "op")
			payload := make([]byte, size)
			seed := rapid.Uint64().Draw(t, "seed")
			r := rand.New(rand.NewPCG(seed, seed))
			for i := range payload {
				payload[i] = byte(r.Uint32())
				if op == opText {
					payload[i] &= 0x7F
				}
			}
			rest, first := payload, op
			for {
				n := len(rest)
				fin := rapid.Bool().Draw(t, "fin")
				if !fin {
					n = rapid.IntRange(0, len(rest)).Draw(t, "n")
				}
				wire = append(wire, encode(wireFrame{fin: fin, op: first, masked: dir == In, payload: rest[:n]})...)
				rest, first = rest[n:], opContinuation
				if fin {
					break
				}
				for range rapid.IntRange(0, 2).Draw(t, "controls") {
					c := wireFrame{fin: true, op: rapid.SampledFrom([]byte{opPing, opPong}).Draw(t, "control"), masked: dir == In,
						payload: rapid.SliceOfN(rapid.Byte(), 0, maxControl).Draw(t, "data")}
					wire = append(wire, encode(c)...)
					want = append(want, c)
					controls++
				}
			}
			want = append(want, wireFrame{op: op, payload: payload})
		}
		for len(wire) > 0 {
			n := min(rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 9000)).Draw(t, "segment"), len(wire))
			if err := b.half(dir).feed(bytes.Clone(wire[:n])); err != nil {
				t.Fatal(err)
			}
			wire = wire[n:]
		}
		b.end()
		got := decodeAll(t, b.passed(dir))
		if len(got) != len(want) {
			t.Fatalf("got %d frames, want %d (closing: %v %s)", len(got), len(want), b.closing.Load(), b.reason)
		}
		for i, f := range got {
			if f.op != want[i].op || !f.fin || f.masked != (dir == In) || !bytes.Equal(f.payload, want[i].payload) {
				t.Fatalf("frame %d: got op %d, %d bytes; want op %d, %d bytes", i, f.op, len(f.payload), want[i].op, len(want[i].payload))
			}
		}
		if len(b.seen) != len(sizes) {
			t.Fatalf("hooks saw %d messages of %d", len(b.seen), len(sizes))
		}
		if b.in.partial() || b.out.partial() || b.in.buf != nil || b.out.buf != nil {
			t.Fatal("something is left in the parser")
		}
	})
}

// checkPassed holds what must be true of any input: only well-formed frames come out, and no message that hooks did not see.
func checkPassed(t *testing.T, dir Direction, wire []byte, step int) {
	b := newBench(Limits{Message: 4096, MessageOut: 4096})
	for rest := wire; len(rest) > 0; {
		n := min(max(step, 1), len(rest))
		if err := b.half(dir).feed(bytes.Clone(rest[:n])); err != nil && !errors.Is(err, errClosed) {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	b.over(t)
	seen := b.seen
	ended := false
	for _, f := range decodeAll(t, b.passed(dir)) {
		switch {
		case ended:
			t.Fatal("a frame after the close frame")
		case !f.fin || f.rsv != 0 || f.masked != (dir == In):
			t.Fatalf("malformed: %+v", f)
		case f.op == opText || f.op == opBinary:
			if len(seen) == 0 || !bytes.Equal(f.payload, seen[0].Data) || seen[0].Binary != (f.op == opBinary) {
				t.Fatalf("a message passed that no hook saw: %q", f.payload)
			}
			if f.op == opText && !utf8.Valid(f.payload) {
				t.Fatalf("text that is not UTF-8 passed: %q", f.payload)
			}
			seen = seen[1:]
		case f.op == opClose:
			ended = true
			if checkClose(f.payload) != nil {
				t.Fatalf("close passed: %q", f.payload)
			}
		case f.op != opPing && f.op != opPong || len(f.payload) > maxControl:
			t.Fatalf("op %d of %d bytes passed", f.op, len(f.payload))
		}
	}
	if len(seen) != 0 {
		t.Fatalf("%d messages that hooks let pass did not", len(seen))
	}
}

func FuzzIn(f *testing.F)  { fuzz(f, In) }
func FuzzOut(f *testing.F) { fuzz(f, Out) }

func fuzz(f *testing.F, dir Direction) {
	masked := dir == In
	add := func(frames ...wireFrame) {
		var wire []byte
		for _, fr := range frames {
			fr.masked = masked
			wire = append(wire, encode(fr)...)
		}
		f.Add(wire, 1)
		f.Add(wire, 7)
		f.Add(wire, 4096)
	}
	add(wireFrame{fin: true, op: opText, payload: []byte("Hello")})
	add(wireFrame{op: opText, payload: []byte("Hel")}, wireFrame{fin: true, op: opPing, payload: []byte("p")}, wireFrame{fin: true, op: opContinuation, payload: []byte("lo")})
	add(wireFrame{fin: true, op: opBinary, payload: make([]byte, 300)}, wireFrame{fin: true, op: opClose, payload: []byte("\x03\xe8bye")}, wireFrame{fin: true, op: opText, payload: []byte("late")})
	add(wireFrame{fin: true, op: opBinary, payload: make([]byte, 5000)}, wireFrame{fin: true, op: opText, payload: []byte("x")})
	add(wireFrame{fin: true, op: opText, payload: []byte("\xff")}, wireFrame{fin: true, op: opClose})
	f.Add([]byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5}, 3)
	f.Fuzz(func(t *testing.T, wire []byte, step int) { checkPassed(t, dir, wire, step) })
}

func TestMask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data")
		key := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "key"))
		pos := rapid.IntRange(0, 3).Draw(t, "pos")
		want := bytes.Clone(data)
		for i := range want {
			want[i] ^= key[(pos+i)&3]
		}
		got := bytes.Clone(data)
		if end := mask(got, key, pos); end != (pos+len(data))&3 || !bytes.Equal(got, want) {
			t.Fatalf("got %x to %d, want %x", got, end, want)
		}
	})
}

func TestLimitsTighten(t *testing.T) {
	tap := &Tap{}
	tap.Limit(Limits{Message: 100, Idle: time.Hour, Frames: -1})
	tap.Limit(Limits{Message: 200, Idle: time.Minute, Control: 5})
	got := tap.limits.orDefaults()
	want := defaults
	want.Message, want.Idle, want.Control = 100, time.Minute, 5
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// BenchmarkTap is what the tap itself costs: a message of 200 bytes, parsed, hooked, checked and masked anew.
func BenchmarkTap(b *testing.B) {
	for _, dir := range []Direction{In, Out} {
		b.Run(dir.String(), func(b *testing.B) {
			s := newBench(Limits{})
			s.hooks = []Hook{func(context.Context, *Message) error { return nil }}
			s.in.dst, s.out.dst = io.Discard, io.Discard
			wire := encode(wireFrame{fin: true, op: opText, masked: dir == In, payload: bytes.Repeat([]byte("x"), 200)})
			b.ReportAllocs()
			for b.Loop() {
				if err := s.half(dir).feed(wire); err != nil {
					b.Fatal(err)
				}
			}
			s.end()
		})
	}
}

// A message meets the hooks as it meets the handlers: what comes in from the outermost, what goes out from the innermost. Whoever stands
// further out sees what those further in made of it.
func TestHooksAreAskedAsTheMessageTravels(t *testing.T) {
	var asked []string
	mark := func(name string) Hook {
		return func(_ context.Context, m *Message) error {
			asked = append(asked, name+" "+string(m.Data))
			m.Data = append(bytes.Clone(m.Data), name...)
			return nil
		}
	}
	for dir, want := range map[Direction]string{In: "a m,b ma,c mab", Out: "c m,b mc,a mcb"} {
		asked = nil
		b := newBench(Limits{}, mark("a"), mark("b"), mark("c"))
		if err := b.half(dir).feed(encode(wireFrame{fin: true, op: opText, masked: dir == In, payload: []byte("m")})); err != nil {
			t.Fatal(err)
		}
		b.over(t)
		if got := strings.Join(asked, ","); got != want {
			t.Errorf("%s: asked %q, want %q", dir, got, want)
		}
	}
}
