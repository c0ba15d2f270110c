package wsframe_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// strictEcho is a back end that does what RFC 6455 says of a server, to the letter, and sends every message back as one frame. It shares
// nothing with the package. To the message "close" it begins the closing handshake.
func strictEcho(t *testing.T) string {
	b := &raw{}
	addr := b.start(t)
	conns := b.conns
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case conn := <-conns:
				go echoStrictly(conn)
			case <-done:
				return
			}
		}
	}()
	return addr
}

func echoStrictly(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	var kind byte // of the message that is open
	var open bool
	var text []byte
	fail := func(code uint16) { // section 7.1.7
		_, _ = conn.Write(frame(8, string(binary.BigEndian.AppendUint16(nil, code)), false))
		_, _ = io.Copy(io.Discard, br) // until the client has ended, so that it gets the frame
	}
	for {
		h, payload, code := readStrictly(br)
		if code != 0 {
			if code != 1 {
				fail(code)
			}
			return
		}
		op, fin := h&15, h&0x80 != 0
		switch {
		case op == 9:
			if _, err := conn.Write(frame(10, payload, false)); err != nil {
				return
			}
			continue
		case op == 10:
			continue
		case op == 8:
			answer, code := closing(payload)
			if code != 0 {
				fail(code)
				return
			}
			_, _ = conn.Write(frame(8, answer, false))
			return
		case op == 0 && !open || op != 0 && open:
			fail(1002)
			return
		case op != 0:
			kind, open, text = op, true, nil
		}
		text = append(text, payload...)
		if !fin {
			continue
		}
		open = false
		switch {
		case kind == 1 && !utf8.Valid(text):
			fail(1007)
			return
		case kind == 1 && string(text) == "close":
			_, _ = conn.Write(frame(8, "\x0f\xa1over", false))
			_, _ = io.Copy(io.Discard, br)
			return
		}
		if _, err := conn.Write(frame(kind, string(text), false)); err != nil {
			return
		}
	}
}

// readStrictly reads a frame of a client. code is why the connection must be failed; 1: it has ended.
func readStrictly(br *bufio.Reader) (first byte, payload string, code uint16) {
	h, err := br.Peek(2)
	if err != nil {
		return 0, "", 1
	}
	op := h[0] & 15
	switch {
	case h[0]&0x70 != 0, h[1]&0x80 == 0, op > 2 && op < 8, op > 10, op > 7 && (h[0]&0x80 == 0 || h[1]&0x7f > 125):
		return 0, "", 1002
	}
	// The shortest form of the length is asked for (section 5.2), and that its first bit is 0.
	switch h[1] & 0x7f {
	case 126:
		if h, err = br.Peek(4); err != nil {
			return 0, "", 1
		}
		if binary.BigEndian.Uint16(h[2:]) < 126 {
			return 0, "", 1002
		}
	case 127:
		if h, err = br.Peek(10); err != nil {
			return 0, "", 1
		}
		if n := binary.BigEndian.Uint64(h[2:]); n < 65536 || n>>63 != 0 {
			return 0, "", 1002
		}
	}
	first = h[0]
	if _, payload, err = readFrame(br); err != nil {
		return 0, "", 1
	}
	return first, payload, 0
}

// closing is the answer to a close frame, or why it is wrong.
func closing(payload string) (answer string, code uint16) {
	if payload == "" {
		return "", 0
	}
	if len(payload) == 1 {
		return "", 1002
	}
	switch c := binary.BigEndian.Uint16([]byte(payload)); {
	case c < 1000, c >= 1004 && c <= 1006, c >= 1015 && c < 3000, c >= 5000:
		return "", 1002
	case !utf8.ValidString(payload[2:]):
		return "", 1007
	}
	return payload[:2], 0
}

// piece is a frame of a client that may be anything: the first byte as it is.
func piece(first byte, payload string) []byte {
	b := frame(0, payload, true)
	b[0] = first
	return b
}

func join(frames ...[]byte) []byte {
	var all []byte
	for _, f := range frames {
		all = append(all, f...)
	}
	return all
}

func closeOf(code int) []byte { return frame(8, string([]byte{byte(code >> 8), byte(code)}), true) }

// bye ends what is no violation.
var bye = closeOf(1000)

// rfcCase is what a client sends and what it must get to see, by RFC 6455: messages, control frames, and how it ends.
type rfcCase struct {
	name string
	send []byte
	want []string
	then []byte // sent when the first answer has come: whoever fails a connection owes no answers any more
}

const broken = "close 1002" // the reason is the failing side's own

func rfcCases() []rfcCase {
	cases := []rfcCase{
		{name: "5.6 text", send: join(frame(1, "Hello", true), bye), want: []string{"text Hello", "close 1000"}},
		{name: "5.6 binary is no text", send: join(frame(2, "\xff\x00\xfe", true), bye), want: []string{"binary \xff\x00\xfe", "close 1000"}},
		{name: "5.4 two fragments", send: join(piece(0x01, "Hel"), piece(0x80, "lo"), bye), want: []string{"text Hello", "close 1000"}},
		{name: "5.4 fragments of nothing", send: join(piece(0x02, ""), piece(0x00, ""), piece(0x80, ""), bye), want: []string{"binary ", "close 1000"}},
		{name: "5.4 a byte each", send: join(piece(0x01, "a"), piece(0, "b"), piece(0, "c"), piece(0, "d"), piece(0x80, "e"), bye), want: []string{"text abcde", "close 1000"}},
		{name: "5.4 one after another", send: join(piece(0x01, "a"), piece(0x80, "b"), piece(0x02, "c"), piece(0x80, "d"), frame(1, "e", true), bye), want: []string{"text ab", "binary cd", "text e", "close 1000"}},
		{name: "5.4 ping within a message", send: join(piece(0x01, "Hel"), frame(9, "p", true), piece(0x80, "lo"), bye), want: []string{"pong p", "text Hello", "close 1000"}},
		{name: "5.4 pings and pongs between all fragments", send: join(piece(0x01, "a"), frame(9, "1", true), frame(10, "x", true), piece(0, "b"), frame(9, "2", true), piece(0x80, "c"), frame(9, "3", true), bye),
			want: []string{"pong 1", "pong 2", "text abc", "pong 3", "close 1000"}},
		{name: "5.4 close within a message", send: join(piece(0x01, "Hel"), bye), want: []string{"close 1000"}},
		{name: "5.4 continuation of nothing", send: piece(0x80, "x"), want: []string{broken}},
		{name: "5.4 continuation after the end", send: frame(1, "a", true), then: piece(0x80, "x"), want: []string{"text a", broken}},
		{name: "5.4 message within a message", send: join(piece(0x01, "a"), piece(0x81, "b")), want: []string{broken}},
		{name: "5.4 binary within a text", send: join(piece(0x01, "a"), piece(0x02, "b")), want: []string{broken}},
		{name: "5.1 not masked", send: frame(1, "Hello", false), want: []string{broken}},
		{name: "5.1 ping not masked", send: frame(9, "", false), want: []string{broken}},
		{name: "5.1 second fragment not masked", send: join(piece(0x01, "Hel"), []byte{0x80, 2, 'l', 'o'}), want: []string{broken}},
		{name: "5.3 mask of zeros", send: join([]byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}, bye), want: []string{"text hi", "close 1000"}},
		{name: "5.5 ping fragmented", send: join(piece(0x09, "a"), piece(0x80, "b")), want: []string{broken}},
		{name: "5.5 pong fragmented", send: piece(0x0a, "a"), want: []string{broken}},
		{name: "5.5 close fragmented", send: piece(0x08, "\x03\xe8"), want: []string{broken}},
		{name: "5.5.2 ping of 125", send: join(frame(9, strings.Repeat("p", 125), true), bye), want: []string{"pong " + strings.Repeat("p", 125), "close 1000"}},
		{name: "5.5.2 ping of 126", send: piece(0x89, strings.Repeat("p", 126)), want: []string{broken}},
		{name: "5.5.2 ping of nothing", send: join(frame(9, "", true), bye), want: []string{"pong ", "close 1000"}},
		{name: "5.5.2 ping of anything", send: join(frame(9, "\x00\xff\xfe", true), bye), want: []string{"pong \x00\xff\xfe", "close 1000"}},
		{name: "5.5.3 pong that nobody asked for", send: join(frame(10, "x", true), frame(1, "a", true), bye), want: []string{"text a", "close 1000"}},
		{name: "5.5.1 close without a code", send: frame(8, "", true), want: []string{"close"}},
		{name: "5.5.1 close with a reason", send: frame(8, "\x03\xe8bye", true), want: []string{"close 1000"}},
		{name: "5.5.1 close with a reason of 123", send: frame(8, "\x03\xe8"+strings.Repeat("r", 123), true), want: []string{"close 1000"}},
		{name: "5.5.1 close too long", send: piece(0x88, "\x03\xe8"+strings.Repeat("r", 124)), want: []string{broken}},
		{name: "5.5.1 half a code", send: frame(8, "\x03", true), want: []string{broken}},
		{name: "5.5.1 reason not UTF-8", send: frame(8, "\x03\xe8\xce\xba\xff", true), want: []string{"close 1007"}},
		{name: "5.5.1 nothing after a close", send: join(bye, frame(1, "late", true), frame(9, "late", true)), want: []string{"close 1000"}},
		{name: "5.5.1 nothing after a close, be it wrong", send: join(bye, piece(0xff, "late")), want: []string{"close 1000"}},
		{name: "5.5.1 the server begins", send: frame(1, "close", true), want: []string{"close 4001 over"}},
		{name: "5.2 RSV1, as for permessage-deflate", send: piece(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00"), want: []string{broken}},
		{name: "5.2 RSV2", send: piece(0xa1, "x"), want: []string{broken}},
		{name: "5.2 RSV3", send: piece(0x91, "x"), want: []string{broken}},
		{name: "5.2 RSV1 of a ping", send: piece(0xc9, "x"), want: []string{broken}},
		{name: "5.2 RSV1 of a continuation", send: join(piece(0x01, "a"), piece(0xc0, "x")), want: []string{broken}},
		{name: "5.2 125 written in 16 bits", send: join([]byte{0x81, 0xfe, 0, 125, 1, 2, 3, 4}, make([]byte, 125)), want: []string{broken}},
		{name: "5.2 125 written in 64 bits", send: join([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 125, 1, 2, 3, 4}, make([]byte, 125)), want: []string{broken}},
		{name: "5.2 length over 63 bits", send: []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, want: []string{broken}},
		{name: "5.6 not UTF-8 after a good one", send: frame(1, "a", true), then: frame(1, "b\xff", true), want: []string{"text a", "close 1007"}},
		{name: "5.6 a character over two fragments", send: join(piece(0x01, "\xce"), piece(0x80, "\xba"), bye), want: []string{"text \u03ba", "close 1000"}},
		{name: "5.6 a character over four fragments and pings", send: join(piece(0x01, "\xf0"), frame(9, "1", true), piece(0, "\x9d"), piece(0, "\x84"), frame(9, "2", true), piece(0x80, "\x9e"), bye),
			want: []string{"pong 1", "pong 2", "text \U0001d11e", "close 1000"}},
		{name: "5.6 half a character at the end", send: join(piece(0x01, "a"), piece(0x80, "\xce")), want: []string{"close 1007"}},
		{name: "5.6 half a character, then another message", send: join(frame(1, "\xce", true), frame(1, "\xba", true)), want: []string{"close 1007"}},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases, rfcCase{name: fmt.Sprintf("5.2 opcode %x", op), send: piece(0x80|op, ""), want: []string{broken}})
	}
	for name, s := range map[string]string{
		"a surrogate": "\xed\xa0\x80", "overlong": "\xc0\xaf", "overlong, three bytes": "\xe0\x80\xaf", "over U+10FFFF": "\xf4\x90\x80\x80", "five bytes": "\xf8\x88\x80\x80\x80",
		"a lone continuation": "\x80", "FE": "\xfe",
	} {
		cases = append(cases, rfcCase{name: "5.6 " + name, send: frame(1, "ok "+s, true), want: []string{"close 1007"}},
			rfcCase{name: "5.6 " + name + " over fragments", send: join(piece(0x01, "ok "+s[:1]), piece(0x80, s[1:])), want: []string{"close 1007"}})
	}
	for _, n := range []int{0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536} {
		s := strings.Repeat("x", n)
		cases = append(cases,
			rfcCase{name: fmt.Sprintf("5.2 text of %d", n), send: join(frame(1, s, true), bye), want: []string{"text " + s, "close 1000"}},
			rfcCase{name: fmt.Sprintf("5.2 binary of %d", n), send: join(frame(2, s, true), bye), want: []string{"binary " + s, "close 1000"}},
			rfcCase{name: fmt.Sprintf("5.2 %d in two fragments", n), send: join(piece(0x02, s[:n/2]), piece(0x80, s[n/2:]), bye), want: []string{"binary " + s, "close 1000"}})
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, rfcCase{name: fmt.Sprintf("7.4 code %d", code), send: closeOf(code), want: []string{fmt.Sprintf("close %d", code)}})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, rfcCase{name: fmt.Sprintf("7.4 code %d", code), send: closeOf(code), want: []string{broken}})
	}
	return cases
}

// witness is all that a client gets to see, up to the end of the connection.
func witness(t *testing.T, p *peer, then []byte) []string {
	t.Helper()
	var seen []string
	for {
		op, payload, err := readFrame(p.br)
		if err != nil {
			if op != 0 || payload != "" {
				t.Fatalf("cut within a frame: %v", err)
			}
			return append(seen, "no close")
		}
		if op != 8 && then != nil {
			p.send(t, then)
			then = nil
		}
		switch op {
		case 1, 2:
			seen = append(seen, map[byte]string{1: "text ", 2: "binary "}[op]+payload)
		case 10:
			seen = append(seen, "pong "+payload)
		case 8:
			s := "close"
			if len(payload) >= 2 {
				code := binary.BigEndian.Uint16([]byte(payload))
				s += fmt.Sprintf(" %d", code)
				if code >= 3000 && len(payload) > 2 {
					s += " " + payload[2:] // an application's reason is not to be changed
				}
			}
			// Section 5.5.1: the answer, if there was none; whoever has closed looks at nothing more.
			_, _ = p.Write(frame(8, payload[:min(2, len(payload))], true))
			p.CloseWrite()
			expectEnd(t, p.br)
			return append(seen, s)
		default:
			t.Fatalf("a frame %x %q", op, payload)
		}
	}
}

// An echo back end behaves through the gateway as without it, over each version of HTTP; and it behaves as RFC 6455 says.
func TestRFC6455(t *testing.T) {
	cases := rfcCases()
	run := func(t *testing.T, open func(t *testing.T) *peer, over func(t *testing.T)) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				for _, inPieces := range []bool{false, true} {
					if inPieces && len(c.send) > 200 {
						continue
					}
					p := open(t)
					if inPieces {
						for i := range c.send {
							// Where the other side has closed meanwhile, nobody takes the rest.
							if _, err := p.Write(c.send[i : i+1]); err != nil {
								break
							}
						}
					} else {
						_, _ = p.Write(c.send) // as above
					}
					seen := witness(t, p, c.then)
					p.Close()
					over(t)
					if len(seen) != len(c.want) {
						t.Fatalf("in pieces %v: saw %.200q, want %.200q", inPieces, seen, c.want)
					}
					for i := range seen {
						if seen[i] != c.want[i] {
							t.Errorf("in pieces %v: %d: saw %.80q, want %.80q", inPieces, i, seen[i], c.want[i])
						}
					}
				}
			})
		}
	}
	t.Run("direct", func(t *testing.T) {
		g := newGate()
		g.addr = strictEcho(t)
		run(t, func(t *testing.T) *peer { return dialPlain(t, g) }, func(*testing.T) {})
	})
	through(t, strictEcho, nil, func(t *testing.T, g *gate) {
		run(t, func(t *testing.T) *peer {
			p := dial(t, g)
			g.conn(t)
			return p
		}, func(t *testing.T) { g.over(t, 5*time.Second) })
	})
}

// dialPlain is dial without the offer of an extension, which the back end refuses to see.
func dialPlain(t *testing.T, g *gate) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, conn)
	p.closeWrite = conn.(*net.TCPConn).CloseWrite
	plain, _, _ := strings.Cut(handshake, "Sec-WebSocket-Extensions")
	p.send(t, []byte(plain+"\r\n"))
	if resp, err := http.ReadResponse(p.br, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	return p
}
