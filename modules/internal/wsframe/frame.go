package wsframe

import (
	"encoding/binary"
	"strings"
	"sync"
	"unicode/utf8"
)

// Opcodes, RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const (
	headroom   = 14  // the longest frame header: 2, 8 of length, 4 of mask
	maxControl = 125 // the longest payload of a control frame
	maxReason  = maxControl - 2
	maxPooled  = 128 << 10
)

// event is what the parser found.
type event uint8

const (
	none    event = iota // it has taken all bytes and needs more
	message              // parser.msg holds one, after the headroom
	control              // parser.ctl holds one, after its headroom
)

// parser takes the bytes of one direction as they come, in pieces of any size. It holds one message at most, and memory for
// it only once payload has come: an announced length reserves nothing.
type parser struct {
	masked bool  // frames must be masked (those of a client) or must not be
	limit  int64 // bytes of a message
	frames int   // frames of a message

	// The frame being read.
	head    [headroom]byte
	nhead   int
	payload bool // the header is complete
	opcode  byte
	fin     bool
	key     [4]byte
	left    uint64 // payload bytes still to come
	pos     int    // of the mask

	// The message being put together.
	open  bool // its last frame has not ended yet
	text  bool
	count int
	buf   *buffer // headroom, then the payload so far; nil without a message

	ctl  [headroom + maxControl]byte
	nctl int

	discard bool // read on over payloads without keeping them: only where frames end and close frames matter
}

// partial tells whether the bytes so far end within a frame or a message.
func (p *parser) partial() bool { return p.open || p.payload || p.nhead > 0 }

// next takes bytes from b up to the end of the next message or control frame, and tells how many it took. After an error
// there is no frame boundary to be found any more, except after a *Close with CodeTooBig.
func (p *parser) next(b []byte) (n int, ev event, refused *Close) {
	for {
		if !p.payload {
			k, done, refused := p.header(b[n:])
			n += k
			if refused != nil || !done {
				return n, none, refused
			}
		}
		k := len(b) - n
		if uint64(k) > p.left {
			k = int(p.left)
		}
		p.take(b[n : n+k])
		n += k
		if p.left > 0 {
			return n, none, nil
		}
		p.payload, p.nhead = false, 0
		switch {
		case p.opcode >= opClose:
			return n, control, nil
		case p.fin:
			p.open = false
			return n, message, nil
		}
	}
}

// header takes bytes of a frame header, and checks it as soon as it can be.
func (p *parser) header(b []byte) (n int, done bool, refused *Close) {
	for {
		need := 2
		if p.nhead >= 2 {
			need = headerLen(p.head[1])
		}
		k := copy(p.head[p.nhead:need], b[n:])
		n += k
		p.nhead += k
		if p.nhead < need {
			return n, false, nil
		}
		if need == 2 {
			if refused := p.checkStart(); refused != nil {
				return n, false, refused
			}
			if need = headerLen(p.head[1]); need > 2 {
				continue
			}
		}
		return n, true, p.begin()
	}
}

func headerLen(b byte) int {
	n := 2
	switch b & 0x7F {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b&0x80 != 0 {
		n += 4
	}
	return n
}

// checkStart checks what the first two bytes of a frame tell.
func (p *parser) checkStart() *Close {
	b0, b1 := p.head[0], p.head[1]
	op, fin := b0&0x0F, b0&0x80 != 0
	switch {
	case b0&0x70 != 0:
		return broken("reserved bits set")
	case b1&0x80 != 0 != p.masked && p.masked:
		return broken("frame not masked")
	case b1&0x80 != 0 != p.masked:
		return broken("frame masked")
	}
	switch op {
	case opContinuation:
		if !p.open {
			return broken("continuation of nothing")
		}
	case opText, opBinary:
		if p.open {
			return broken("message within a message")
		}
	case opClose, opPing, opPong:
		if !fin {
			return broken("control frame fragmented")
		}
		if b1&0x7F > maxControl {
			return broken("control frame too long")
		}
	default:
		return broken("reserved opcode")
	}
	return nil
}

// begin checks the complete header against what came before, and opens the payload.
func (p *parser) begin() *Close {
	length, rest := uint64(p.head[1]&0x7F), p.head[2:]
	switch length {
	case 126:
		length, rest = uint64(binary.BigEndian.Uint16(rest)), rest[2:]
		if length < 126 {
			return broken("length not minimal")
		}
	case 127:
		length, rest = binary.BigEndian.Uint64(rest), rest[8:]
		if length < 1<<16 {
			return broken("length not minimal")
		}
		if length >= 1<<63 {
			return broken("length out of range")
		}
	}
	if p.masked {
		copy(p.key[:], rest)
	}
	p.opcode, p.fin = p.head[0]&0x0F, p.head[0]&0x80 != 0
	p.payload, p.left, p.pos = true, length, 0
	if p.opcode >= opClose {
		p.nctl = 0
		return nil
	}
	if p.opcode != opContinuation {
		p.text, p.count = p.opcode == opText, 0
	}
	p.open = true
	p.count++
	if p.discard {
		return nil
	}
	if have := uint64(p.buf.len()); length > uint64(p.limit) || have+length > uint64(p.limit) {
		return &Close{CodeTooBig, "message too big"}
	}
	if p.count > p.frames {
		return &Close{CodePolicy, "too many fragments"}
	}
	if p.buf == nil {
		p.buf = newBuffer()
	}
	return nil
}

// take stores payload bytes, unmasked.
func (p *parser) take(b []byte) {
	p.left -= uint64(len(b))
	var at []byte
	switch {
	case p.opcode >= opClose:
		at = p.ctl[headroom+p.nctl:][:copy(p.ctl[headroom+p.nctl:], b)]
		p.nctl += len(b)
	case p.discard:
		return
	default:
		from := len(p.buf.b)
		p.buf.b = append(p.buf.b, b...)
		at = p.buf.b[from:]
	}
	if p.masked {
		p.pos = mask(at, p.key, p.pos)
	}
}

// dropPayload makes the parser read on without keeping anything.
func (p *parser) dropPayload() {
	p.discard = true
	p.release()
}

// release gives the message's memory back.
func (p *parser) release() {
	p.buf.free()
	p.buf = nil
}

func broken(reason string) *Close { return &Close{CodeProtocol, reason} }

// mask applies a mask (RFC 6455 section 5.3) from position pos on and returns the position after.
func mask(b []byte, key [4]byte, pos int) int {
	end := (pos + len(b)) & 3
	k := uint64(key[pos&3]) | uint64(key[(pos+1)&3])<<8 | uint64(key[(pos+2)&3])<<16 | uint64(key[(pos+3)&3])<<24
	k |= k << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(k)
		k >>= 8
	}
	return end
}

// seal makes a final frame of a payload that stands in b after the headroom, in place: masked with key, or, without one, not.
func seal(b []byte, opcode byte, key *[4]byte) []byte {
	length := len(b) - headroom
	n := 2
	switch {
	case length > 0xFFFF:
		n = 10
	case length > maxControl:
		n = 4
	}
	if key != nil {
		n += 4
	}
	f := b[headroom-n:]
	f[0] = 0x80 | opcode
	switch {
	case length > 0xFFFF:
		f[1] = 127
		binary.BigEndian.PutUint64(f[2:], uint64(length))
	case length > maxControl:
		f[1] = 126
		binary.BigEndian.PutUint16(f[2:], uint16(length))
	default:
		f[1] = byte(length)
	}
	if key != nil {
		f[1] |= 0x80
		copy(f[n-4:], key[:])
		mask(f[n:], *key, 0)
	}
	return f
}

// closeFrame is a close frame with code and reason, for the client or for the back end.
func closeFrame(to Direction, code int, reason string) []byte {
	b := make([]byte, headroom, headroom+maxControl)
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	b = append(b, reason...)
	if to == Out {
		return seal(b, opClose, nil)
	}
	key := newKey()
	return seal(b, opClose, &key)
}

// checkClose checks the payload of a close frame, RFC 6455 sections 5.5.1 and 7.4.
func checkClose(payload []byte) *Close {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return broken("close code cut short")
	case !sendable(int(binary.BigEndian.Uint16(payload))):
		return broken("close code not allowed")
	case !utf8.Valid(payload[2:]):
		return &Close{CodeInvalidText, "close reason is not UTF-8"}
	}
	return nil
}

// sendable tells whether a close code may stand in a frame: those of the RFC and of IANA's registry, and the ranges for libraries and applications.
func sendable(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// publicReason is a reason that fits a close frame.
func publicReason(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxReason {
		return s
	}
	n := maxReason
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// buffer holds one message with room for a header before it.
type buffer struct{ b []byte }

var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, 1024)} }}

func newBuffer() *buffer {
	b := buffers.Get().(*buffer)
	b.b = b.b[:headroom]
	return b
}

// len is that of the payload.
func (b *buffer) len() int {
	if b == nil {
		return 0
	}
	return len(b.b) - headroom
}

func (b *buffer) free() {
	if b != nil && cap(b.b) <= maxPooled {
		buffers.Put(b)
	}
}
